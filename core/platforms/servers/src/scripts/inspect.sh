# Which server programs called $NAME there are: in $DIRECTORIES (a line each; each itself, its bin, and the same one level down),
# then on the search path. Changes nothing.
main() {
    while read -r directory; do
        # A path that is not from the root means something on the machine of whoever wrote it.
        case $directory in
        /*) directory=$ROOT$directory ;;
        *) continue ;;
        esac
        look_in "$directory"
        for below in "$directory"/*/; do
            look_in "${below%/}"
        done
    done <<END
$DIRECTORIES
END
    IFS=:
    for directory in $PATH; do
        look_at "$ROOT$directory/$NAME"
    done
}

look_in() {
    look_at "$1/$NAME"
    look_at "$1/bin/$NAME"
}
