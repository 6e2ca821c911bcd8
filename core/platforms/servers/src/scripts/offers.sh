# Which versions of the package $PACKAGE this host can have: what its own package index says, the newest first, and what is installed.
# Prints a line for each; changes nothing.
main() {
    command -v apt-cache >/dev/null 2>&1 || fail "It has no apt: only Debian, Ubuntu and their like have packages that are known here."
    {
        apt-cache madison "$PACKAGE" 2>/dev/null | while IFS='|' read -r _ version source; do
            case $source in
            *Packages*) echo "$version" ;;
            esac
        done
        version_of "$PACKAGE"
    } | while read -r version; do
        printf 'package\t%s\n' "$version"
    done
}
