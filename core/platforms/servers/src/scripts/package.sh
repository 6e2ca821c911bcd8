# Installs version $VERSION of the package $PACKAGE from the host's own index, holds it there, and keeps a copy of its server program as
# $FILE_NAME by the copy's SHA-256, which no upgrade of packages changes. Where $SHA256 is not empty, it has to be that. With $KEEP "no"
# the package is only fetched and looked at, on a server that is perhaps nobody's, and leaves nothing; with "libraries" any version of
# it will do, for what it needs: its program comes from elsewhere.
main() {
    if [ "$KEEP" = no ]; then
        look
        exit 0
    fi
    lock
    [ -n "$(owner)" ] || exit "$THEIRS"
    case $KEEP in
    libraries) [ -n "$(version_of "$PACKAGE")" ] || get "$PACKAGE" ;;
    *) [ "$(version_of "$PACKAGE")" = "$VERSION" ] || get "$PACKAGE=$VERSION" ;;
    esac
    note
    apt-mark hold "$PACKAGE" >/dev/null 2>&1 || fail "$PACKAGE cannot be held."
    [ "$KEEP" = libraries ] || keep
}

# Nothing is removed for it, and none of it is a service: the one that a distribution starts by itself is another package.
get() {
    apt --simulate --no-remove --no-install-recommends --allow-downgrades --allow-change-held-packages install "$1" ||
        refuse "$1 cannot be installed"
    # Noted before it comes, so that it goes also when this is cut short. What was another version before has that in brackets.
    note "$(printf '%s\n' "$said" | sed -n 's/^Inst \([^ ]*\) (.*/came \1/p')"
    apt --no-remove --no-install-recommends --allow-downgrades --allow-change-held-packages install "$1" ||
        refuse "$1 cannot be installed"
}

# What was there before; a note that is there already is right, but for what has come since.
note() {
    text=$(cat "$packages/$PACKAGE" 2>/dev/null)
    if [ -z "$text" ]; then
        held=no
        ! is_held "$PACKAGE" || held=yes
        text="held $held"
    fi
    put "$packages/$PACKAGE" "$(printf '%s\n%s\n' "$text" "${1-}" | awk 'NF && !seen[$0]++')"
}

keep() {
    file=$(dpkg-query --listfiles "$PACKAGE" | program_among)
    [ -n "$file" ] || fail "$PACKAGE $VERSION has no $FILE_NAME in it."
    digest=$(sha256sum <"$ROOT$file") || fail "$file cannot be read."
    digest=${digest%% *}
    [ -z "$SHA256" ] || [ "$SHA256" = "$digest" ] ||
        fail "$PACKAGE $VERSION has another program here than on the other servers (SHA-256 $digest, not $SHA256)."
    SHA256=$digest
    FOLLOWS=yes
    exec 3<"$ROOT$file"
    receive "$artefacts/$digest/$FILE_NAME"
    put "$artefacts/$digest/package" "$PACKAGE $VERSION"
    look_at "$artefacts/$digest/$FILE_NAME"
}

# What the package would bring, without installing it: what it needs may be missing here, so it is not run.
look() {
    trial=$(mktemp -d "$ROOT/var/lib/.justmanage-XXXXXX") || fail "$ROOT/var/lib cannot be written."
    trap 'rm -rf "$trial"' EXIT
    cd "$trial" || fail "$trial cannot be entered."
    apt download "$PACKAGE=$VERSION" || refuse "$PACKAGE=$VERSION cannot be fetched"
    dpkg-deb --extract "$trial"/*.deb "$trial/tree" || fail "$PACKAGE $VERSION cannot be read."
    file=$(find "$trial/tree" -type f | program_among)
    [ -n "$file" ] || fail "$PACKAGE $VERSION has no $FILE_NAME in it."
    digest=$(sha256sum <"$file")
    tls=no
    ! grep -q SSL_CTX_new "$file" || tls=yes
    printf 'program\t/%s\t%s\t%s\t%s\t%s\n' "$FILE_NAME" "${digest%% *}" "$tls" "$VERSION" "$SAID"
}

# Ends with apt's own reason, the last that it gives.
refuse() {
    reason=$(printf '%s\n' "$said" | sed -n 's/^E: //p' | tail -n 1)
    fail "$1: ${reason:-$(printf '%s\n' "$said" | tail -n 1)}"
}
