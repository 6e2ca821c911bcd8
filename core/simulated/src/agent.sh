#!/bin/sh
# Answers to the commands of justmanage-agent. What needs somebody to act goes to the stage through its pipe.
ask() {
    mkfifo "$2/reply.$$" || exit 1
    echo "$1 $2 $2/reply.$$" > "@STAGE@/pipe"
    IFS= read -r reply < "$2/reply.$$"
    rm -f "$2/reply.$$"
    case "$reply" in
    '{"error"'*) echo "$reply" >&2; exit 1 ;;
    *) echo "$reply" ;;
    esac
}
verb="$1"
shift
case "$verb" in
--version)
    echo "justmanage-agent $(cat "@STAGE@/version")"
    ;;
start)
    ask start "$2"
    ;;
upgrade)
    ask upgrade "$2"
    ;;
status)
    files=
    while [ $# -gt 0 ]; do
        [ -e "$2/order.json" ] || { echo '{"error":"it is gone","hint":""}' >&2; exit 1; }
        # Whoever made the machine was killed before its agent was ever started.
        [ -e "$2/status" ] || sed 's/^{\("claim":{[^{}]*{[^{}]*}[^{}]*}\).*/{\1,"agent":null,"server_running":false}/' \
            "$2/order.json" > "$2/status"
        files="$files $2/status"
        shift 2
    done
    exec cat $files
    ;;
remove)
    [ -d "$2" ] || exit 0
    ask stop "$2" > /dev/null
    rm -rf "$2"
    ;;
inspect)
    separator='['
    for file in "$@"; do
        [ -e "$file.json" ] || continue
        printf '%s' "$separator"
        cat "$file.json"
        separator=','
    done
    [ "$separator" = '[' ] && printf '['
    echo ']'
    ;;
esac
