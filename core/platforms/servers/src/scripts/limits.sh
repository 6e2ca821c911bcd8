# Limits what the server of node $NODE may use, and keeps others from it: from its next start on by $LIMITS, a part of its unit, and
# by $SHARE, a part of the slice above it; at once by $PROPERTIES and $SHARES, a line each. The limit of memory is apart, as $MEMORY in
# bytes or "infinity".
main() {
    lock
    own
    part "$server" "$LIMITS"
    part "$slice" "$SHARE"
    # Before systemd reads its units anew: what is said at runtime counts for more than those, also where it is to stay as it is.
    for unit in $(systemctl list-units --plain --no-legend --full "$servers" | cut -d ' ' -f 1); do
        limit "$unit"
    done
    set_properties "$slice" "$SHARES"
    # Also where the text was there already: whoever wrote it may have got no further.
    systemctl daemon-reload || fail "systemd does not read its units."
}

# A part of the unit $1 with the text $2, or none.
part() {
    if [ -n "$2" ]; then
        put "$system/$1.d/limits.conf" "$2"
    else
        rm -f "$system/$1.d/limits.conf" "$system/$1.d/limits.conf.new" && rmdir "$system/$1.d" 2>/dev/null
    fi
}

# Puts the limits in force for a server that runs. A lower one would kill it if it is below what it has already, or comes to have
# while it saves: as much again, and what every server has besides.
limit() {
    memory=$MEMORY
    now=$(systemctl show --property=MemoryMax --value "$1")
    pid=$(systemctl show --property=MainPID --value "$1")
    kib=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "$ROOT/proc/$pid/status" 2>/dev/null)
    if [ -n "$kib" ] && is_lower "$now" && [ "$((2 * kib * 1024 + (128 << 20)))" -gt "$MEMORY" ]; then
        printf 'later memory: it uses %s KiB now.\n' "$kib"
        memory=$now
    fi
    set_properties "$1" "MemoryMax=$memory
$PROPERTIES"
}

# Sets properties of the unit $1, a line each, for as long as it runs.
set_properties() {
    unit=$1
    shift
    lines=$1
    set --
    while read -r property; do
        [ -z "$property" ] || set -- "$@" "$property"
    done <<END
$lines
END
    [ "$#" = 0 ] || systemctl set-property --runtime "$unit" "$@" || fail "The limits of $unit cannot be set."
}

# Whether the memory that is wanted is less than this one, in force now.
is_lower() {
    [ "$MEMORY" != infinity ] && { [ "$1" = infinity ] || [ "$MEMORY" -lt "${1:-0}" ]; }
}
