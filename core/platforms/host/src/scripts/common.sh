# What all scripts share: where things are, how a script ends, and that no two of them change one server at the same time.
set -u
# What becomes of a server is not for the login's umask, language or search path to decide.
umask 022
LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
# What came behind the script is for whoever asks for it, and not for the first command that reads its input.
exec 3<&0 </dev/null

# How scripts end besides well (0) and badly (1, the reason last on standard error).
THEIRS=41   # the server is another node's
OURS=42     # it was this node's before
HIDDEN=43   # its owner wants nobody to take it
NEEDED=44   # the program is not here, and did not come along
DOWN=45     # the agent does not come up; what it said is on standard output
PUT_BACK=46 # the new agent does not come up; the one before it runs again
BUSY=47     # somebody else has been changing this server for minutes

base=$ROOT/var/lib/justmanage
node=$base/node
order=$node/order.json
bin=$base/bin
artefacts=$base/artifacts
system=$ROOT/etc/systemd/system
tuned=$ROOT/etc/sysctl.d/90-justmanage.conf
user=justmanage
agent=justmanage-agent.service
socket=justmanage-server.socket
server=justmanage-server@.service
servers='justmanage-server@*.service'
slice=justmanage.slice
# What `systemctl set-property --runtime` has said of units.
said_at_runtime=$ROOT/run/systemd/system.control

fail() {
    printf '%s\n' "$1" >&2
    exit 1
}

# This directory is there anyway, so its lock leaves nothing behind; the kernel lets go of it when the script ends, however it does.
lock() {
    exec 9<"$ROOT/var/lib"
    flock -w 120 9 || exit "$BUSY"
}

# The node whose server this is; nothing if it is nobody's. The agent may write here, so links and pipes are not followed.
owner() {
    [ -f "$order" ] && [ ! -L "$order" ] || return 0
    sed -n 's/.*"node": *"\(jmn[0-9a-z]*\)".*/\1/p' "$order" | head -n 1
}

# Goes on only on the server of this node.
own() {
    [ "$(owner)" = "$NODE" ] || exit "$THEIRS"
}

# Puts files on the disk itself. Old systems cannot do that with some alone.
settle() {
    sync "$@" 2>/dev/null || sync
}

# Puts on their disks all that was made for the agent, before it listens: whoever has heard of a node finds it again after a power cut.
# Units, links and users are new files, of which a file system may keep the name and lose the content for half a minute.
settle_all() {
    sync -f "$system" "$base" 2>/dev/null || sync
}

# A file that has this text when it returns, whole or not at all.
put() {
    [ "$(cat "$1" 2>/dev/null)" = "$2" ] && return
    mkdir -p "${1%/*}" && printf '%s\n' "$2" >"$1.new" && mv -f "$1.new" "$1" || fail "$1 cannot be written."
}

# Setting $1 of the kernel, and making it $2. A container may have neither to say.
setting() {
    cat "$ROOT/proc/sys/$(printf %s "$1" | tr . /)" 2>/dev/null
}

set_to() {
    { printf '%s\n' "$2" >"$ROOT/proc/sys/$(printf %s "$1" | tr . /)"; } 2>/dev/null || :
}
