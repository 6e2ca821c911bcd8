# Puts the order $ORDER in the place of the one that node $NODE has: by one rename, so that the claim is there all the while.
main() {
    lock
    own
    # It would go on with the order that it has read, and answer whoever asks for it with its old address.
    systemctl stop "$agent" || fail "The agent cannot be stopped."
    # Not in the node's directory, which the agent may write to: nobody but root puts anything in the way here. What is cut short is
    # removed with what claims leave, by the installation that comes next.
    new=$(mktemp "$base/.new-order-$NODE.XXXXXX") || fail "$base cannot be written."
    trap 'rm -f "$new"' EXIT
    printf '%s\n' "$ORDER" >"$new" && chmod 644 "$new" || fail "$new cannot be written."
    settle "$new"
    mv -f -T "$new" "$order" || fail "$order cannot be replaced."
    settle "$node"
}
