#!/bin/sh
# What the hosts of the tests stand on: a small Debian with systemd, sshd and sudo, in which nothing works in the background.
#
# tree.sh SUITE FOLDER SOURCES
#
# `cargo xtask hosts` runs it once; the folder is then the lower layer of every host's disk, and nobody writes to it any more.
# The bytes of this file name the folder in the cache: whoever changes them gets another one.
set -eu
suite=$1
folder=$2
sources=$3

# dbus: whoever is not root asks systemd over it, and an agent is not. Libraries such as libssl come with openssh-server.
packages=systemd,systemd-sysv,dbus,openssh-server,sudo,procps,iproute2,ca-certificates
mmdebstrap --quiet --mode=root --variant=minbase --include="$packages" \
    --aptopt='APT::Sandbox::User "root"' --aptopt='Acquire::Retries "3"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    "$suite" "$folder" "$sources"
cd "$folder"

# What each host has of its own. Without a machine-id in the tree, none of them can be the same machine as another.
rm -f etc/ssh/ssh_host_* etc/hostname etc/machine-id var/lib/dbus/machine-id
# There are no names but those of the hosts: asking for others fails at once.
echo 'nameserver 127.0.0.1' >etc/resolv.conf

cat >etc/ssh/sshd_config.d/hosts.conf <<END
HostKey /etc/ssh/ssh_host_ed25519_key
AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/authorized_keys
PasswordAuthentication no
END

# Who becomes root by sudo, and who does not. A password of `*` fits nothing, and locks nobody out who has a key.
for user in admin guest; do
    chroot . useradd --create-home --shell /bin/bash --password '*' "$user"
done
echo 'admin ALL=(ALL) NOPASSWD: ALL' >etc/sudoers.d/admin
chmod 440 etc/sudoers.d/admin

# Nobody sits at a console, and packages are as they are.
for unit in console-getty.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer; do
    ln -sf /dev/null "etc/systemd/system/$unit"
done
# Otherwise each host would begin by writing catalogues anew.
touch etc/.updated var/.updated
