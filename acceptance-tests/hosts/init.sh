# A host from its cable to systemd: its network, its disk over the tree, its own view of the kernel.
#
# HOST_FOLDER: upper, work, root, console.log; HOST_TREE: the lower layer; HOST_ADDRESS: with the length of its prefix;
# HOST_MAC; HOST_MEMORY_KIB: what it has of memory, or nothing.
set -eu
root=$HOST_FOLDER/root

ip link set lo up
ip link set eth0 address "$HOST_MAC" up
ip address add "$HOST_ADDRESS" dev eth0

mount -t overlay -o "lowerdir=$HOST_TREE,upperdir=$HOST_FOLDER/upper,workdir=$HOST_FOLDER/work" disk "$root"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755,nosuid,nodev run "$root/run"
mount -t tmpfs -o mode=755,nosuid dev "$root/dev"
for device in null zero full random urandom tty; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777,nosuid,nodev shm "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"
: >"$root/dev/console"
mount --bind "$HOST_FOLDER/console.log" "$root/dev/console"

# Most settings of the kernel are the whole machine's. A host sets and reads a copy of them, which is new with each start; its
# network is its own. What only can be written is not copied.
own=$root/run/own
mkdir "$own"
mount -t tmpfs -o mode=755 own "$own"
mkdir "$own/old" "$own/sys" "$own/sys/net"
for part in /proc/sys/*; do
    [ "$part" = /proc/sys/net ] || cp -rx "$part" "$own/sys" 2>/dev/null || true
done
rm -rf "$own/sys/fs/binfmt_misc" # systemd would want to mount what is not there
cat /proc/sys/kernel/random/uuid >"$own/sys/kernel/random/boot_id"
mount --bind "$root/proc/sys/kernel/random/uuid" "$own/sys/kernel/random/uuid"
mount --bind "$root/proc/sys/net" "$own/sys/net"
mount --rbind "$own/sys" "$root/proc/sys"
if [ -e "$root/proc/sysrq-trigger" ]; then
    mount --bind "$root/dev/null" "$root/proc/sysrq-trigger"
fi
huge=sys/kernel/mm/transparent_hugepage
if [ -d "/$huge" ]; then
    cp -r "/$huge" "$own/huge" 2>/dev/null || true
    mount --bind "$own/huge" "$root/$huge"
fi
if [ -n "$HOST_MEMORY_KIB" ]; then
    awk -v most="$HOST_MEMORY_KIB" '/^Mem/ && $2 + 0 > most + 0 { $2 = most } { print }' /proc/meminfo >"$own/meminfo"
    mount --bind "$own/meminfo" "$root/proc/meminfo"
fi

cd "$root"
pivot_root . run/own/old
cd /
# The machine's own files go; what was mounted out of `own` stays where it is.
umount --lazy /run/own/old
umount --lazy /run/own
rmdir /run/own
# What would set the machine's clock, or load something into its kernel. `container` tells systemd where it is.
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin container=lxc \
    setpriv --bounding-set=-sys_time,-sys_module,-sys_rawio /lib/systemd/systemd
