#!/bin/sh
# The stage's program; dies at its end, with its answer, if that is the one which is to be lost.
# It leads a process group of its own.
echo "$$" >> "@NOTED@/groups"
"@AGENT@" "$@" || exit
[ -e "@NOTED@/lose" ] || exit 0
echo "$1" >> "@NOTED@/passed"
[ "$(wc -l < "@NOTED@/passed")" -eq "$(cat "@NOTED@/lose")" ] || exit 0
echo "$1" >> "@NOTED@/struck"
kill -KILL $$
