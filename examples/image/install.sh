#!/bin/sh
# Puts the database's program and the settings that a node's host needs onto a machine, so that one which is born of its image has
# nothing to fetch. Packer runs it (image.pkr.hcl); so can whoever makes images in another way, or sets machines up by hand, as root. It may
# be run again.
#
#   ENGINE   redis or valkey (redis, if nothing is said)
#   VERSION  the exact version of the package, such as 5:7.0.15-1~deb12u7, or the beginning of one, such as 7.0 or 7.0.15, of which the
#            newest is taken; without it the newest that there is
#   CLEAN    "yes": what makes this machine this one is removed (host keys, machine-id), as it has to be of an image
set -eu
engine=${ENGINE:-redis}
version=${VERSION:-}

case $engine in
redis | valkey) ;;
*)
    echo "ENGINE is $engine: redis or valkey are known." >&2
    exit 1
    ;;
esac
# The package of tools has the server's program in it. The one that is called like the server would start a service.
package=$engine-tools

# Whether revision $1 of the package is the one that is wanted.
is_wanted() {
    [ -n "$version" ] || return 0
    [ "$1" != "$version" ] || return 0
    case ${1#*:} in
    "$version" | "$version"[.+~-]*) ;;
    *) return 1 ;;
    esac
}

apt-get --quiet update
found=
for revision in $(apt-cache madison "$package" | awk -F '|' '/Packages/ { gsub(/ /, "", $2); print $2 }'); do
    if is_wanted "$revision"; then
        # The newest comes first.
        found=$revision
        break
    fi
done
if [ -z "$found" ]; then
    echo "The package index has no $package $version. It has:" >&2
    apt-cache madison "$package" >&2
    exit 1
fi

# What scripts and services of Just Manage call is on every system but the smallest.
DEBIAN_FRONTEND=noninteractive apt-get --yes --quiet --no-install-recommends --allow-change-held-packages \
    -o Dpkg::Options::=--force-confold install "$package=$found" ca-certificates sudo procps
# No upgrade of packages changes what a cluster runs: a new image does, or an apply.
apt-mark hold "$package"

# Under the server's own name it is the server; it is looked for on the search path.
if [ ! -x "/usr/bin/$engine-server" ]; then
    ln -sf "/usr/bin/$engine-check-rdb" "/usr/local/bin/$engine-server"
fi
"$engine-server" --version

# A fork for a snapshot is not refused for memory that it hardly ever writes to; as many clients may wait to be let in as the server
# lets wait; and nothing of the data is put onto a disk.
mkdir -p /etc/sysctl.d /etc/tmpfiles.d
cat >/etc/sysctl.d/60-database.conf <<END
vm.overcommit_memory = 1
net.core.somaxconn = 4096
vm.swappiness = 1
END
# Pages of 2 MiB make a fork copy 2 MiB for each key that is written meanwhile. Servers ask for them where they want them.
cat >/etc/tmpfiles.d/60-database.conf <<END
w /sys/kernel/mm/transparent_hugepage/enabled - - - - madvise
END

apt-get clean
if [ "${CLEAN:-no}" = yes ]; then
    rm -rf /var/lib/apt/lists/*
    rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub /var/lib/dbus/machine-id
    : >/etc/machine-id
    # sshd makes new ones where its package does not do that at the first boot.
    cat >/etc/systemd/system/ssh-host-keys.service <<END
[Unit]
Description=Make this machine's host keys
Before=ssh.service
ConditionPathExistsGlob=!/etc/ssh/ssh_host_*_key

[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -A

[Install]
WantedBy=multi-user.target
END
    systemctl enable ssh-host-keys.service 2>/dev/null || :
fi
