#!/bin/sh
# What the guests of the tests boot: Debian as on a cloud's machines, with its cloud-init and nothing of ours.
#
# image.sh SUITE FOLDER SOURCES
#
# `cargo xtask guests` runs it once; FOLDER then has `disk`, the system's disk (raw, a file system without parts), and the kernel and its
# first file system beside it, since there is no boot loader. Every guest's disk is a layer over this one, and nobody writes to it any more.
# The bytes of this file name the folder in the cache: whoever changes them gets another one.
set -eu
suite=$1
folder=$2
sources=$3

# As the images that Debian publishes for EC2 have it, as far as something here asks for it.
packages=linux-image-cloud-amd64,zstd,systemd,systemd-sysv,dbus,udev,ifupdown,isc-dhcp-client,iproute2,netbase,procps
packages=$packages,cloud-init,python3-cryptography,python3-cffi-backend,ca-certificates,curl,e2fsprogs,sudo
# What Redis and Valkey of Debian are linked with: programs that a guest fetches bring no libraries.
packages=$packages,libatomic1,libjemalloc2,liblzf1,libssl3,libstdc++6,libsystemd0
mkdir "$folder"
mmdebstrap --quiet --mode=root --variant=minbase --include="$packages" \
    --aptopt='APT::Sandbox::User "root"' --aptopt='Acquire::Retries "3"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    "$suite" "$folder/tree" "$sources"
mv "$folder"/tree/boot/vmlinuz-* "$folder/vmlinuz"
mv "$folder"/tree/boot/initrd.img-* "$folder/initrd"
cd "$folder/tree"

echo 'LABEL=root / ext4 noatime 0 1' >etc/fstab
# Its first boot is to be one.
rm -rf dev/* etc/hostname var/lib/dbus/machine-id
: >etc/machine-id
# There are no names: asking for them fails at once. (mmdebstrap has copied the builder's.)
echo 'nameserver 127.0.0.1' >etc/resolv.conf
# Packages are as they are, and nobody sits at a screen.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer getty@tty1.service; do
    ln -sf /dev/null "etc/systemd/system/$unit"
done

cd "$folder"
truncate --size=4G disk
mke2fs -q -t ext4 -L root -E lazy_itable_init=0 -d tree disk
rm -rf tree
