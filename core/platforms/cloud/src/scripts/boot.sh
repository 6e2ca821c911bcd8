# The first boot of a machine that a cloud has made for the node $NODE. Everything may be done again, from any point on.
#   $ORDER      the node's order, with $UNKNOWN where its address belongs, which only the machine knows
#   $TOWARD     an address by whose way the machine's own is found
#   $DISK       bytes of the disk for data, apart from the system's; nothing: there is none
#   $PROGRAMS   a line for each program: its path, its SHA-256, and where it can be had, in the order in which to try
#   $PROGRAM    which of those is the agent, by its name in $bin
root=justmanage-root

main() {
    mkdir -p "$ROOT/var/lib"
    lock
    data_disk
    claim
    make_user
    chown -h "$user:$user" "$node" && chmod 700 "$node" || fail "$node cannot be given to $user."
    # Root reads in it which operators it obeys: the agent may read it, too, and nobody but root writes it.
    chown "root:$user" "$order" && chmod 640 "$order" || fail "$order cannot be given to $user."
    fetch_all
    # Server programs that operators have the agent keep.
    mkdir -p "$artefacts" && chown "$user:$user" "$artefacts" && chmod 700 "$artefacts" || fail "$artefacts cannot be given to $user."
    units
    put "$system/$root.socket" "$ROOT_SOCKET"
    put "$system/$root@.service" "$ROOT_SERVICE"
    put "$system/$agent.d/root.conf" "$AGENT_ROOT"
    # Whoever gives a machine back wants it gone.
    put "$system/$agent.d/cloud.conf" "[Service]
ExecStopPost=+/bin/sh -c '[ -e /var/lib/justmanage/node/order.json ] || systemctl poweroff'"
    [ -n "$(runs)" ] || point agent "$PROGRAM"
    [ -x "$bin/root" ] || point root "$PROGRAM"
    tune vm.overcommit_memory 1
    tune net.core.somaxconn 4096
    systemctl daemon-reload && systemctl --quiet enable "$agent" "$socket" "$root.socket" || fail "The agent cannot be made a service."
    settle_all
    systemctl start "$socket" "$root.socket" "$agent" || fail "The agent's service cannot be started."
    answers >/dev/null && { tell "The agent of $NODE listens."; exit 0; }
    last_words >&2
    fail "The agent of $NODE does not come up."
}

# On the console, where whoever may look at the machine from outside sees it; and where cloud-init writes.
tell() {
    { printf 'justmanage: %s\n' "$1" >>"$ROOT/dev/console"; } 2>/dev/null
    printf 'justmanage: %s\n' "$1" >&2
}

fail() {
    tell "$1"
    exit 1
}

# The disk for data, made a file system once, at $base from every boot on. It is the one disk of its size with nothing on it, or with our
# label; of any other nothing is touched.
data_disk() {
    [ -n "$DISK" ] || return 0
    disk=$(blkid -L justmanage 2>/dev/null)
    if [ -z "$disk" ]; then
        # Some clouds attach it while the machine boots.
        tries=0
        disk=$(empty_disks)
        while [ -z "$disk" ] && [ "$tries" -lt 60 ]; do
            tries=$((tries + 1))
            sleep "${PAUSE:-2}"
            disk=$(empty_disks)
        done
        case $disk in
        '') fail "There is no empty disk of $DISK bytes for data." ;;
        *[[:space:]]*) fail "There are several empty disks of $DISK bytes: $(echo $disk)." ;;
        esac
        mkfs.ext4 -q -L justmanage "$disk" || fail "$disk cannot be made a file system."
    fi
    mkdir -p "$base"
    line="LABEL=justmanage /var/lib/justmanage ext4 defaults,noatime,nofail 0 2"
    grep -qsF "$line" "$ROOT/etc/fstab" || printf '%s\n' "$line" >>"$ROOT/etc/fstab"
    mountpoint -q "$base" || mount "$disk" "$base" || fail "$disk cannot be mounted."
}

# A disk of another's making has a file system, or parts; of a new one, lsblk prints three words.
empty_disks() {
    lsblk -bprno NAME,SIZE,TYPE,FSTYPE,PKNAME | awk -v size="$DISK" '
        $5 != "" { parted[$5] = 1 } $3 != "disk" && NF == 4 { parted[$4] = 1 }
        $2 == size && $3 == "disk" && NF == 3 { found[$1] = 1 }
        END { for (name in found) if (!(name in parted)) print name }'
}

claim() {
    case $(owner) in
    "$NODE") return ;;
    ?*) fail "This machine is another node's: $(owner)." ;;
    esac
    # What was begun here, and cut short, is nobody's; what an agent has written is not for another one.
    rm -f "$order.new"
    [ -z "$(ls -A "$node" 2>/dev/null)" ] || fail "$node is not empty, and has no order."
    address=$(ip route get "$TOWARD" | sed -n 's/.* src \([0-9a-f.:]*\).*/\1/p' | head -n 1)
    [ -n "$address" ] || fail "This machine has no address."
    mkdir -p "$node" || fail "$node cannot be made."
    put "$order" "$(printf '%s' "$ORDER" | sed "s/$UNKNOWN/$address/")"
    chmod 600 "$order"
    settle "$order" "$node"
}

# For an hour, again and again: networks come up late, and mirrors come back. Then nobody waits for this machine any more.
fetch_all() {
    tries=0
    until fetch_missing; do
        tries=$((tries + 1))
        if [ "$tries" -ge 60 ]; then
            tell "Nobody has the programs; the machine gives up."
            systemctl poweroff
            exit 1
        fi
        sleep "${PAUSE:-60}"
    done
}

fetch_missing() {
    while read -r path SHA256 urls; do
        [ -n "$path" ] || continue
        ! is_whole "$ROOT$path" || continue
        got=
        for url in $urls; do
            [ -n "$got" ] || { fetch "$ROOT$path" "$url" && got=yes; }
        done
        [ -n "$got" ] || return 1
    done <<END
$PROGRAMS
END
}

# Makes $1 what is at $2, if that has the SHA-256 it is to have.
fetch() {
    fetched=$base/.fetched
    mkdir -p "$base"
    said=$(download "$2" "$fetched" 2>&1) || { tell "$2 cannot be fetched: $said"; rm -f "$fetched"; return 1; }
    if ! is_whole "$fetched"; then
        tell "$2 is not what was expected: its SHA-256 is not $SHA256."
        rm -f "$fetched"
        return 1
    fi
    FOLLOWS=yes
    ( exec 3<"$fetched"; receive "$1" )
    kept=$?
    rm -f "$fetched"
    return $kept
}

download() {
    if command -v curl >/dev/null; then
        curl -fsSL --connect-timeout 10 --max-time 600 -o "$2" "$1"
    else
        wget -q -T 60 -O "$2" "$1"
    fi
}
