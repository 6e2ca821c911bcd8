# Prints block $BLOCK (3 MiB each, from 0) of the server program $FILE_NAME that is kept by its SHA-256 $SHA256. Changes nothing.
main() {
    file=$artefacts/$SHA256/$FILE_NAME
    [ -f "$file" ] || exit "$NEEDED"
    dd if="$file" bs=1048576 skip="$((BLOCK * 3))" count=3 2>/dev/null
}
