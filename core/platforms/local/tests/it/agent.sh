#!/bin/sh
# Answers as justmanage-agent does. `running` in the node's directory stands for the process.
echo "$1" >> "@CALLS@"
# Its pid and its process group.
cut -d" " -f1,5 "/proc/$$/stat" >> "@CALLS@.groups"
dir="$3"
# Dies here, if the file of what goes wrong says so: `AnswerLost N` before its end if that is the Nth, `Killed N` before the Nth step.
die_at() {
    [ -e "@CALLS@.wrong" ] || return 0
    read -r what number < "@CALLS@.wrong"
    [ "$what" = "$1" ] || return 0
    echo "$1" >> "@CALLS@.passed"
    [ "$(wc -l < "@CALLS@.passed")" -eq "$number" ] || return 0
    echo "$1" >> "@CALLS@.struck"
    kill -KILL $$
}
info() {
    claim=$(sed -n '/"claim"/,/^  }/p' "$dir/order.json" | tr -d '\n' | sed 's/,$//; s/^ *"claim": *//')
    printf '{"claim":%s,"pin":"sha256:%064d","agent":"127.0.0.1:19000","client":"127.0.0.1:21000","bus_port":31000,"sealing":"x25519:%064d",' "$claim" 7 8
    printf '"version":"0.1.0","process":{"pid":1,"start_time":1,"boot_id":"b"}}'
}
case "$1" in
--version)
    echo "justmanage-agent 0.1.0"
    ;;
upgrade)
    info | tee "$dir/agent.json"
    ;;
start)
    [ -e "$dir/refuse" ] && { echo '{"error":"the port is taken","hint":"Free it."}' >&2; exit 1; }
    die_at Killed
    touch "$dir/running"
    die_at Killed
    info | tee "$dir/agent.json"
    ;;
status)
    shift
    while [ $# -gt 0 ]; do
        dir="$2"
        shift 2
        [ -e "$dir/order.json" ] || { echo '{"error":"no order.json","hint":""}' >&2; exit 1; }
        claim=$(sed -n '/"claim"/,/^  }/p' "$dir/order.json" | tr -d '\n' | sed 's/,$//; s/^ *"claim": *//')
        if [ -e "$dir/running" ]; then agent=$(info); else agent=null; fi
        printf '{"claim":%s,"agent":%s,"server_running":false}\n' "$claim" "$agent"
    done
    ;;
remove)
    # As the real one: whole, and then out of sight.
    last="${dir%/*}/.new-${dir##*/}"
    die_at Killed
    rm -f "$dir/running"
    die_at Killed
    mv "$dir" "$last"
    die_at Killed
    rm -rf "$last"
    die_at Killed
    ;;
esac
die_at AnswerLost
