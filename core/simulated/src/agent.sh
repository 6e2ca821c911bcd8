#!/bin/sh
# Answers to the commands of justmanage-agent. What needs somebody to act goes to the stage through its pipe.
ask() {
    # Not in the node's directory, which somebody else may remove meanwhile. One that is there was left by somebody who was killed.
    answer="@STAGE@/reply.$$"
    rm -f "$answer"
    mkfifo "$answer" || exit 1
    echo "$1 $2 $answer" > "@STAGE@/pipe"
    IFS= read -r reply < "$answer"
    rm -f "$answer"
    case "$reply" in
    '{"error"'*) echo "$reply" >&2; exit 1 ;;
    *) echo "$reply" ;;
    esac
}
# What an order says of its machine, in one line; the seat is wanting in a spare's claim.
unstarted() {
    tr -d '\n' | sed 's/^ *{ *"claim": *\({[^{}]*\({[^{}]*}[^{}]*\)\{0,1\}}\).*/{"claim":\1,"agent":null,"server_running":false}/'
    echo
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
        file=$2/status
        # Whoever made the machine was killed before its agent was ever started. Not by the name that the agent writes to: it may be
        # started at this moment.
        if [ ! -e "$file" ]; then
            file=$2/unstarted
            unstarted < "$2/order.json" > "$file"
        fi
        files="$files $file"
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
