# Limits what the server of node $NODE may use: from its next start on by $LIMITS, a part of its unit, and at once by $PROPERTIES,
# a line each. Memory is apart, as $MEMORY in bytes or "infinity".
main() {
    lock
    own
    part=$system/$server.d/limits.conf
    if [ -n "$LIMITS" ]; then
        put "$part" "$LIMITS"
    else
        rm -f "$part" "$part.new" && rmdir "${part%/*}" 2>/dev/null
    fi
    # Also where the text was there already: whoever wrote it may have got no further.
    systemctl daemon-reload || fail "systemd does not read its units."
    for unit in $(systemctl list-units --plain --no-legend --full "$servers" | cut -d ' ' -f 1); do
        limit "$unit"
    done
}

# Puts the limits in force for a server that runs. A lower one would kill it if it is below what it has already, or comes to have
# while it saves: as much again, and what every server has besides.
limit() {
    set -- "$1" "MemoryMax=$MEMORY"
    pid=$(systemctl show --property=MainPID --value "$1")
    kib=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "$ROOT/proc/$pid/status" 2>/dev/null)
    if [ -n "$kib" ] && is_lower "$(systemctl show --property=MemoryMax --value "$1")" &&
        [ "$((2 * kib * 1024 + (128 << 20)))" -gt "$MEMORY" ]; then
        printf 'later memory: it uses %s KiB now.\n' "$kib"
        set -- "$1"
    fi
    while read -r property; do
        [ -z "$property" ] || set -- "$@" "$property"
    done <<END
$PROPERTIES
END
    unit=$1
    shift
    [ "$#" = 0 ] || systemctl set-property --runtime "$unit" "$@" || fail "The limits of $unit cannot be set."
}

# Whether the memory that is wanted is less than this one, in force now.
is_lower() {
    [ "$MEMORY" != infinity ] && { [ "$1" = infinity ] || [ "$MEMORY" -lt "${1:-0}" ]; }
}
