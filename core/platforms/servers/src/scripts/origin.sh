# Which package the server program that is kept by its SHA-256 $SHA256 came with, and in which version. Changes nothing.
main() {
    cat "$artefacts/$SHA256/package" 2>/dev/null || exit "$NEEDED"
}
