# The agent as a service: its units, which program it is, and whether it answers.

units() {
    put "$system/$agent" "$AGENT_SERVICE"
    put "$system/$socket" "$SERVER_SOCKET"
    put "$system/$server" "$SERVER_SERVICE"
    put "$system/$slice" "$SLICE"
}

# The program that runs as the agent: a name in $bin, nothing if there is none.
runs() {
    [ ! -x "$bin/agent" ] || readlink "$bin/agent"
}

# From its next start on the agent is the program $2 of $bin; as `agent`, or as $1 else.
point() {
    rm -f "$bin/.new-$1" && ln -s "$2" "$bin/.new-$1" && mv -f -T "$bin/.new-$1" "$bin/$1" || fail "$bin/$1 cannot be made."
}

# Whether this system runs the program at all: not on a file system without programs, nor on another processor.
try() {
    "$1" --version >/dev/null || fail "$1 does not run here."
}

# Waits until the agent answers, and prints what it says; fails if it does not come up.
answers() {
    for _ in $(seq 150); do
        said=$("$bin/agent" status --dir "$node" 2>/dev/null)
        case $said in
        *'"agent":{'*)
            printf 'status %s\n' "$said"
            return 0
            ;;
        esac
        # It is started again each second: after so many times, the next will be no better.
        case $(systemctl show --property=NRestarts --value "$agent" 2>/dev/null) in
        [5-9] | ??*) return 1 ;;
        esac
        sleep 0.2
    done
    return 1
}

# What the agent said last: before it had a log of its own, and after.
last_words() {
    journalctl --unit="$agent" --lines=10 --output=cat --no-pager 2>/dev/null
    [ -L "$node/agent.log" ] || tail -n 5 "$node/agent.log" 2>/dev/null
}
