# A host before it starts: it says which process it is, waits for its cable, and takes its place in its control groups.
#
# enter.sh GROUP... as PID 1 of the host, while everything else is still the machine's. Standard input is a line as soon as the cable
# is in. What is told by the environment is read in init.sh.
set -eu
# /proc is the machine's, and so is this number.
read -r pid rest </proc/self/stat
echo "$pid"
read -r plugged
exec </dev/null >>"$HOST_FOLDER/console.log" 2>&1
for group; do
    echo 0 >"$group/cgroup.procs"
done
# From here on these groups are all that there are.
exec unshare --cgroup -- sh "$HOST_INIT"
