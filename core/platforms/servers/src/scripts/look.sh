# What a server program is.

# Prints a line for $1 with tabs between path, SHA-256, whether it has TLS, its package's revision, and what it calls itself.
look_at() {
    [ -f "$1" ] && [ -x "$1" ] || return 0
    said=$(timeout 5 "$1" --version 2>/dev/null | head -n 1)
    case $said in
    *' server v='*) ;;
    *) return 0 ;;
    esac
    digest=$(sha256sum <"$1") || return 0
    # Every program that was built with TLS names OpenSSL's constructor, linked either way, and no other does.
    tls=no
    ! grep -q SSL_CTX_new "$1" || tls=yes
    printf 'program\t%s\t%s\t%s\t%s\t%s\n' "${1#"$ROOT"}" "${digest%% *}" "$tls" "$(package "$1")" "$said"
}

# Which revision of which package brought a file, where dpkg knows. Debian's redis-server is a link: what it leads to counts.
package() {
    owners=$(dpkg-query --search "$(readlink -f "$1")" 2>/dev/null) || return 0
    dpkg-query --show --showformat='${Version}' "${owners%%: *}" 2>/dev/null
}
