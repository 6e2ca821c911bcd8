# Makes the agent of node $NODE run on the server that is its own: user, program, units, settings of the kernel.
main() {
    lock
    own
    # What claims have left that were cut short, or came too late.
    rm -rf "$base"/.new-*
    make_user
    chown -h "$user:$user" "$node" && chmod 700 "$node" || fail "$node cannot be given to $user."
    # A program that is there stays, with its units: putting another in its place is an upgrade's business.
    if [ -z "$(runs)" ]; then
        receive "$bin/$PROGRAM"
        try "$bin/$PROGRAM"
        units
        point agent "$PROGRAM"
    fi
    tune vm.overcommit_memory 1
    tune net.core.somaxconn 4096
    systemctl daemon-reload && systemctl --quiet enable "$agent" "$socket" || fail "The agent cannot be made a service."
    settle_all
    # Forgets how often it was started again before.
    systemctl reset-failed "$agent" 2>/dev/null
    systemctl start "$socket" "$agent" || fail "The agent's service cannot be started."
    answers && exit 0
    last_words
    printf 'The agent does not come up.\n' >&2
    exit "$DOWN"
}
