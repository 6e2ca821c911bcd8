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
    systemctl daemon-reload || fail "systemd does not read its units."
    for unit in $(systemctl list-units --plain --no-legend --full "$servers" | cut -d ' ' -f 1); do
        limit "$unit"
    done
}

# Puts the limits in force for a server that runs. A limit below what it has already would kill it.
limit() {
    set -- "$1" "MemoryMax=$MEMORY"
    pid=$(systemctl show --property=MainPID --value "$1")
    kib=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "$ROOT/proc/$pid/status" 2>/dev/null)
    if [ "$MEMORY" != infinity ] && [ "$((${kib:-0} * 1024))" -gt "$MEMORY" ]; then
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
