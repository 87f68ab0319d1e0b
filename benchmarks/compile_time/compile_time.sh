#!/bin/bash
# Usage: compile_time.sh COMMAND SOURCE...
#
# COMMAND holds the compiler and its options, one a line. Prints how long it takes for each SOURCE,
# without optimisation: user and system time, the least of seven rounds; and how many times as long
# the first of them takes.
set -euo pipefail

mapfile -t words <"$1"
shift
TIMEFORMAT='%U %S'
object=$(mktemp)
trap 'rm -f "$object"' EXIT

for source in "$@"; do "${words[@]}" -c -o "$object" "$source"; done  # all of them do compile

for _ in 1 2 3 4 5 6 7; do
  for source in "$@"; do
    { time "${words[@]}" -c -o "$object" "$source"; } 2>&1 |
      awk -v source="$source" '{ print source, $(NF - 1) + $NF }'
  done
done | awk '
  !($1 in least) { order[++count] = $1 }
  !($1 in least) || $2 < least[$1] { least[$1] = $2 }
  END {
    for (i = 1; i <= count; ++i) {
      printf "%-60s %5.2f s  %4.2f\n", order[i], least[order[i]], least[order[1]] / least[order[i]]
    }
  }'
