# The user that a node runs as, and the settings of the kernel that its server wants.

# Nobody logs in as this user, and nothing but the agent and the database belongs to it.
make_user() {
    home=$(getent passwd "$user" | cut -d : -f 6)
    case $home in
    /var/lib/justmanage) return ;;
    ?*) fail "There is a user $user with the home $home, who is not ours: rename or remove them." ;;
    esac
    shell=/bin/false
    for nologin in /usr/sbin/nologin /sbin/nologin; do
        [ ! -x "$nologin" ] || shell=$nologin
    done
    # A group without the user is what a removal leaves that was cut short.
    group=--user-group
    ! getent group "$user" >/dev/null || group="--gid=$user"
    useradd --system "$group" --home-dir /var/lib/justmanage --no-create-home --shell "$shell" --comment "Just Manage" "$user" ||
        fail "The user $user cannot be made."
}

# Sets $1 of the kernel to $2 where it is less, now and after the next boot, and notes what it was.
#   vm.overcommit_memory: a fork for a snapshot is not refused for memory that it hardly ever writes to. (2 is its owner's decision.)
#   net.core.somaxconn: as many clients may wait to be let in as the server is told to let wait; kernels before 5.4 have 128.
tune() {
    now=$(setting "$1")
    [ -n "$now" ] || return 0
    if ! grep -qs "^$1 = " "$tuned"; then
        [ "$now" -lt "$2" ] || return 0
        put "$tuned" "$(cat "$tuned" 2>/dev/null || echo "# Set by Just Manage; what it was comes back with the node's removal."
            printf '# It was %s.\n%s = %s' "$now" "$1" "$2")"
    fi
    # In a container it is the host's: then it stays as it is.
    [ "$now" -ge "$2" ] || set_to "$1" "$2"
}
