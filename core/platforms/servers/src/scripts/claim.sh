# Takes the server for node $NODE, with $ORDER as its order: by one rename, which only one of many can do.
main() {
    [ ! -e "$ROOT/etc/justmanage/hidden" ] || exit "$HIDDEN"
    whose
    # With its parents in one call: whoever removes the last node may take them away between two.
    mkdir -p "$base" && new=$(mktemp -d "$base/.new-$NODE.XXXXXX") || fail "$base cannot be made."
    trap 'rm -rf "$new"' EXIT
    if ! { printf '%s\n' "$ORDER" >"$new/order.json" && chmod 644 "$new/order.json"; }; then
        # Whoever was first clears away what others have begun.
        whose
        fail "$new cannot be written."
    fi
    settle "$new/order.json" "$new"
    # -T: into its place, and never into a directory that is there. The kernel refuses if that is not empty; an empty one is what
    # an agent leaves that gave its server back itself.
    if mv -f -T "$new" "$node" 2>/dev/null; then
        settle "$base"
        # Not by what `mv` says: by what stands there.
        [ "$(owner)" = "$NODE" ] && exit 0
    fi
    whose
    [ ! -e "$node" ] || fail "$node is there without an order.json: look at what is in it, and remove it if nobody needs it."
    fail "$node cannot be made."
}

# Ends if the server has an owner; another node's order goes to standard output.
whose() {
    case $(owner) in
    '') ;;
    "$NODE") exit "$OURS" ;;
    *)
        cat "$order"
        exit "$THEIRS"
        ;;
    esac
}
