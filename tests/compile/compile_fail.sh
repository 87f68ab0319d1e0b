#!/bin/sh
# Usage: compile_fail.sh COMMAND CASES SOURCE
#
# COMMAND holds the compiler and its options, one a line, CASES a macro and the words of its error
# in each line. Succeeds if SOURCE compiles as it is and each case is refused in its words.
set -u

command=$1
cases=$2
source=$3
errors=${TEST_TMPDIR:-/tmp}/errors.$$
trap 'rm -f "$errors"' EXIT

# Compiles SOURCE with the options given; the errors go to a file. In full, not with -fsyntax-only,
# which may leave templates uninstantiated.
compile() {
  (
    extra=${1:-}
    set --
    while IFS= read -r word; do set -- "$@" "$word"; done <"$command"
    LC_ALL=C "$@" $extra -S -o /dev/null "$source"
  ) >"$errors" 2>&1
}

if ! compile; then
  echo "FAILED: without any case $source does not compile:"
  cat "$errors"
  exit 1
fi

failures=0
while read -r macro words; do
  if compile "-D$macro"; then
    echo "FAILED: $macro compiles, and should be refused with \"$words\""
    failures=$((failures + 1))
  elif ! grep -F 'error:' "$errors" | grep -qF -e "$words"; then
    echo "FAILED: $macro is refused, but not with \"$words\":"
    head -n 40 "$errors"
    failures=$((failures + 1))
  else
    echo "ok: $macro"
  fi
done <"$cases"
exit $((failures > 0))
