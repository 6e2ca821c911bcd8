# Programs that come with a script: whole, with the digest that was asked for, or not at all.

# Makes $1 the program whose SHA-256 is $SHA256. It comes on descriptor 3 if $FOLLOWS is "yes".
receive() {
    ! is_whole "$1" || return 0
    [ "$FOLLOWS" = yes ] || exit "$NEEDED"
    new=${1%/*}/.new-${1##*/}
    mkdir -p "${1%/*}" || fail "${1%/*} cannot be made."
    cat <&3 >"$new" || give_up "$new" "$1 cannot be written."
    is_whole "$new" || give_up "$new" "What arrived for $1 is not what was sent; the connection broke, or the disk is full."
    chmod 755 "$new"
    # SELinux lets systemd run what is labelled as a program, and what is made below /var/lib is not.
    if selinuxenabled 2>/dev/null; then chcon -t bin_t "$new"; fi
    settle "$new"
    # A program that runs is never written to: the name goes over to another file.
    mv -f "$new" "$1" || give_up "$new" "$1 cannot be written."
    settle "${1%/*}"
}

is_whole() {
    [ -f "$1" ] && [ "$(sha256sum <"$1")" = "$SHA256  -" ]
}

give_up() {
    rm -f "$1"
    fail "$2"
}
