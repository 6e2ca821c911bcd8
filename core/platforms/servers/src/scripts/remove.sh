# Removes the node $NODE and everything of ours from its server. The order goes last: by it the node is found, and whoever was cut
# short is called again. With $UNUSED "yes" only a node whose agent has never listened: nobody can have spoken to that.
main() {
    lock
    whose=$(owner)
    case $whose in
    "$NODE") [ "$UNUSED" != yes ] || [ ! -e "$node/agent.json" ] || exit "$OURS" ;;
    # It is gone, and perhaps something of it is left. What stands there without an order is not ours to judge.
    '') [ -z "$(ls -A "$node" 2>/dev/null)" ] || exit 0 ;;
    *) exit 0 ;;
    esac
    stop
    systemctl --quiet disable "$agent" "$socket" 2>/dev/null
    systemctl stop "$slice" 2>/dev/null
    for file in "$system/$agent" "$system/$socket" "$system/$server" "$system/$slice"; do
        rm -f "$file" "$file.new"
    done
    rm -rf "$system/$server.d" "$system/$slice.d" "$ROOT/run/justmanage" "$said_at_runtime/$slice.d" "$said_at_runtime"/justmanage-server@*.d
    systemctl daemon-reload
    systemctl reset-failed "$agent" "$socket" "$servers" 2>/dev/null
    untune
    give_packages_back
    if [ -n "$whose" ]; then
        # Nobody else writes here from now on.
        chown -h 0:0 "$node"
        empty
    fi
    # As long as the order is there no other claim succeeds, so those that were begun may go as well.
    rm -rf "$bin" "$artefacts" "$base"/.new-* "$ROOT"/var/lib/.justmanage-* || fail "$base cannot be emptied."
    drop_user
    [ -z "$whose" ] || rm -f "$order" || fail "$order cannot be removed."
    rmdir "$node" 2>/dev/null
    # Its owner may have put something of theirs here, or mounted a disk.
    rmdir "$base" 2>/dev/null
    exit 0
}

# The agent first, or it would start the server again. What the server has not saved within half a minute is deleted anyway.
stop() {
    systemctl stop "$agent" "$socket" 2>/dev/null
    if ! timeout 30 systemctl stop "$servers" 2>/dev/null; then
        systemctl kill --signal=KILL "$servers" 2>/dev/null
        timeout 30 systemctl stop "$servers" 2>/dev/null
    fi
    left=$(systemctl list-units --plain --no-legend --full --state=active,activating,deactivating "$agent" "$servers" |
        cut -d ' ' -f 1 | tr '\n' ' ')
    [ -z "$left" ] || fail "${left}does not end: its processes hang, often on a disk that does not answer."
}

# Removes everything of the node but its order.
empty() {
    for entry in "$node"/* "$node"/.[!.]* "$node"/..?*; do
        [ "$entry" = "$order" ] || rm -rf "$entry" || fail "$entry cannot be removed."
    done
}

# Settings of the kernel become what they were, unless somebody else has changed them since.
untune() {
    [ -f "$tuned" ] || return 0
    was=
    while read -r line; do
        case $line in
        '# It was '*)
            was=${line#"# It was "}
            was=${was%.}
            ;;
        *' = '*)
            [ "$(setting "${line%% = *}")" != "${line#* = }" ] || set_to "${line%% = *}" "$was"
            ;;
        esac
    done <"$tuned"
    rm -f "$tuned" "$tuned.new"
}

# Some systems remove a user's own group with them, others do not.
drop_user() {
    if [ "$(getent passwd "$user" | cut -d : -f 6)" = /var/lib/justmanage ]; then
        userdel "$user" || fail "The user $user cannot be removed."
    fi
    ! getent group "$user" >/dev/null || groupdel "$user" 2>/dev/null || :
}
