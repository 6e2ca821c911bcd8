#!/bin/sh
# Answers as justmanage-agent does. `running` in the node's directory stands for the process.
echo "$1" >> "@CALLS@"
# Its pid and its process group.
cut -d" " -f1,5 "/proc/$$/stat" >> "@CALLS@.groups"
dir="$3"
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
    touch "$dir/running"
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
    mv "$dir" "$last"
    rm -rf "$last"
    ;;
esac
