# Puts the program $PROGRAM in the place of the agent that runs; the server runs on. One that does not come up is taken out again.
main() {
    lock
    own
    now=$(runs)
    [ -n "$now" ] || fail "No agent is installed here."
    receive "$bin/$PROGRAM"
    try "$bin/$PROGRAM"
    before=$now
    begun=
    if [ -x "$bin/before" ]; then
        # An upgrade was cut short: what it went away from is what there is to go back to.
        before=$(readlink "$bin/before")
        begun=yes
    elif [ "$now" != "$PROGRAM" ]; then
        point before "$now"
        begun=yes
    fi
    old_service=$(cat "$system/$agent" 2>/dev/null)
    old_socket=$(cat "$system/$socket" 2>/dev/null)
    old_server=$(cat "$system/$server" 2>/dev/null)
    old_slice=$(cat "$system/$slice" 2>/dev/null)
    units
    if [ -n "$begun" ]; then
        start "$PROGRAM"
    else
        # It was done before, and is only seen to run.
        systemctl daemon-reload && systemctl start "$socket" "$agent" || fail "The agent's service cannot be started."
    fi
    answers && done_with
    last_words
    if [ "$before" = "$PROGRAM" ]; then
        printf 'The agent does not come up.\n' >&2
        exit "$DOWN"
    fi
    AGENT_SERVICE=$old_service
    SERVER_SOCKET=$old_socket
    SERVER_SERVICE=$old_server
    SLICE=$old_slice
    [ -z "$old_service" ] || units
    start "$before"
    if answers; then
        printf 'The new agent does not come up; the one before it runs again.\n' >&2
        done_with "$PUT_BACK"
    fi
    printf 'The new agent does not come up, and neither does the one before it.\n' >&2
    exit "$DOWN"
}

# Starts the agent anew, as this program.
start() {
    point agent "$1"
    settle_all
    systemctl daemon-reload && systemctl reset-failed "$agent" 2>/dev/null
    systemctl start "$socket" && systemctl restart "$agent" || fail "The agent's service cannot be started."
}

# Removes what nobody runs any more, and ends. The link goes last: by it whoever comes next sees that this was cut short.
done_with() {
    for program in "$bin"/justmanage-agent-* "$bin"/.new-*; do
        [ "${program##*/}" = "$(runs)" ] || rm -f "$program"
    done
    rm -f "$bin/before"
    exit "${1:-0}"
}
