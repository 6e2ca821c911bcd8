# Keeps the server program $FILE_NAME, by its SHA-256 $SHA256, where the node of this server can run it, and says what it is. With
# $KEEP other than "yes" it is only looked at, on a server that is perhaps nobody's, and leaves nothing.
main() {
    if [ "$KEEP" = yes ]; then
        lock
        [ -n "$(owner)" ] || exit "$THEIRS"
        receive "$artefacts/$SHA256/$FILE_NAME"
        look_at "$artefacts/$SHA256/$FILE_NAME"
    else
        trial=$(mktemp -d "$ROOT/var/lib/.justmanage-XXXXXX") || fail "$ROOT/var/lib cannot be written."
        trap 'rm -rf "$trial"' EXIT
        receive "$trial/$FILE_NAME"
        look_at "$trial/$FILE_NAME"
    fi
}
