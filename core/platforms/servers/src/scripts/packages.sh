# Packages of the host's own distribution. $packages/NAME says of each that we have installed what was there before.
packages=$base/packages

# The version of package $1 that is installed; nothing if it is not.
version_of() {
    dpkg-query --show --showformat='${db:Status-Status} ${Version}\n' "$1" 2>/dev/null | sed -n 's/^installed //p'
}

is_held() {
    [ "$(apt-mark showhold "$1" 2>/dev/null)" = "$1" ]
}

# apt-get, which asks nobody and waits for others who are at it. What it says is for whoever has to find out why it failed.
apt() {
    said=$(DEBIAN_FRONTEND=noninteractive apt-get --yes --quiet -o DPkg::Lock::Timeout=120 -o APT::Sandbox::User=root \
        -o Dpkg::Options::=--force-confold "$@" 2>&1)
}

# The program in a package among its files, a path a line. Debian's redis-server is a link to redis-check-rdb, which is the server too
# and goes by its name.
program_among() {
    files=$(cat)
    for name in "$FILE_NAME" "${FILE_NAME%-server}-check-rdb"; do
        found=$(printf '%s\n' "$files" | grep -x ".*/bin/$name" | head -n 1)
        [ -z "$found" ] || break
    done
    printf '%s' "$found"
}

# Packages become what they were before: holds are lifted that were not there, and what came with us goes, unless somebody else has come
# to need it. (What was another version before stays what it is: to go back would change what others use by now.)
give_packages_back() {
    for note in "$packages"/*; do
        [ -f "$note" ] || continue
        name=${note##*/}
        grep -qx 'held yes' "$note" || apt-mark unhold "$name" >/dev/null 2>&1
        came=$(sed -n 's/^came //p' "$note")
        # Each by itself would be refused for another of them.
        # shellcheck disable=SC2086
        [ -z "$came" ] || purge $came
        rm -f "$note"
    done
    rm -rf "$packages"
}

# Removes packages that nothing else needs. Whoever else is at it has two minutes.
purge() {
    for _ in $(seq 60); do
        said=$(DEBIAN_FRONTEND=noninteractive dpkg --purge "$@" 2>&1)
        case $said in
        *'frontend lock'* | *'status database'*) sleep 2 ;;
        *) return ;;
        esac
    done
}
