# What this host is made of, and whose it is. Prints a word and its value a line; changes nothing.
LC_ALL=C
# What a login without a terminal has may lack where root's tools are.
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
base=${ROOT-}/var/lib/justmanage
echo "facts 1"
echo "user $(id -un)"
if [ "$(id -u)" = 0 ]; then
    sudo=""
    echo "root yes"
elif sudo -n true 2>/dev/null; then
    sudo="sudo -n"
    echo "root yes"
else
    sudo=""
    echo "root no"
fi
echo "machine $(uname -m)"
echo "clock $(date +%s)"
echo "processors $(getconf _NPROCESSORS_ONLN 2>/dev/null)"
# The address of this end of the connection: one that this host has, and not one that is translated on the way.
set -- ${SSH_CONNECTION-}
echo "address ${3-}"

# A container has what its group has, where that is less.
memory=$(awk '/^MemTotal:/ { print $2 }' /proc/meminfo)
for file in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do
    limit=$(cat "$file" 2>/dev/null)
    case $limit in
    '' | *[!0-9]*) ;;
    # More digits than 9 exabytes: no limit, as version 1 says it.
    ???????????????????*) ;;
    *) [ $((limit / 1024)) -lt "$memory" ] && memory=$((limit / 1024)) ;;
    esac
done
echo "memory_kib $memory"

# The nearest directory above that is there.
directory=$base
[ -d "$directory" ] || directory=${ROOT-}/var/lib
[ -d "$directory" ] || directory=/
df -Pk "$directory" | awk 'NR == 2 { print "disk_kib " $2; print "disk_free_kib " $4 }'

if [ -r /etc/os-release ]; then
    (
        . /etc/os-release
        echo "system ${ID:-linux} ${VERSION_ID:-}"
    )
fi
echo "glibc $(getconf GNU_LIBC_VERSION 2>/dev/null | awk '{ print $2 }')"
if [ -d "${ROOT-}/run/systemd/system" ]; then
    echo "systemd $(systemctl --version | awk 'NR == 1 { print $2 }')"
fi
# Whatever our scripts call, on the search path of whoever runs them.
without=$($sudo sh -c 'PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin
for tool in systemctl useradd userdel getent flock sha256sum mktemp timeout dd mv rm mkdir chown chmod sync; do
    command -v "$tool" >/dev/null 2>&1 || printf " %s" "$tool"
done')
echo "without$without"

[ -e "${ROOT-}/etc/justmanage/hidden" ] && echo "hidden yes"
node=$base/node
# The agent may write here: a link is not followed, and nothing in the text is taken for more than text.
$sudo test -L "$node/order.json" || claim=$($sudo cat "$node/order.json" 2>/dev/null | tr -d '\n')
if [ -n "${claim-}" ]; then
    printf 'claim %s\n' "$claim"
    $sudo test -e "$node/record/committed" && echo "member yes"
    # Which addresses this host has now: the node's own may be none of them any more.
    addresses=$(ip -o addr show 2>/dev/null | awk '{ sub("/.*", "", $4); printf " %s", $4 }')
    [ -n "$addresses" ] || addresses=$(hostname -I 2>/dev/null)
    echo "addresses$addresses"
    [ -L "$base/bin/before" ] && echo "upgrade begun"
    if [ -x "$base/bin/agent" ]; then
        echo "agent $("$base/bin/agent" --version 2>/dev/null)"
        # As root: the node's directory is its agent's alone.
        status=$($sudo timeout 10 "$base/bin/agent" status --dir "$node" 2>/dev/null) && printf 'status %s\n' "$status"
    fi
fi
echo "end yes"
