# What this host is made of, and whose it is. Prints a word and its value a line; changes nothing.
LC_ALL=C
export LC_ALL
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
directory=/var/lib/justmanage
[ -d "$directory" ] || directory=/var/lib
[ -d "$directory" ] || directory=/
df -Pk "$directory" | awk 'NR == 2 { print "disk_kib " $2; print "disk_free_kib " $4 }'

if [ -r /etc/os-release ]; then
    (
        . /etc/os-release
        echo "system ${ID:-linux} ${VERSION_ID:-}"
    )
fi
echo "glibc $(getconf GNU_LIBC_VERSION 2>/dev/null | awk '{ print $2 }')"
if [ -d /run/systemd/system ]; then
    echo "systemd $(systemctl --version | awk 'NR == 1 { print $2 }')"
fi
without=""
for tool in systemctl useradd groupadd sha256sum gzip mv rm mkdir chown chmod sync; do
    $sudo sh -c "command -v $tool" >/dev/null 2>&1 || without="$without $tool"
done
echo "without$without"

[ -e /etc/justmanage/hidden ] && echo "hidden yes"
node=/var/lib/justmanage/node
claim=$($sudo cat "$node/order.json" 2>/dev/null | tr -d '\n')
if [ -n "$claim" ]; then
    echo "claim $claim"
    $sudo test -e "$node/record/committed" && echo "member yes"
fi
echo "end yes"
