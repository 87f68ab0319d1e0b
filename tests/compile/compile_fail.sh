#!/bin/sh
# Usage: compile_fail.sh COMMAND CASES SOURCE
#
# COMMAND holds the compiler and its options, one a line, CASES a macro and the words of its error
# in each line. Succeeds if SOURCE compiles as it is and each case is refused in its words.
set -u

command=$1
cases=$2
source=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
errors=$folder/errors

# Runs the compiler with the arguments given beside the command's; the errors go to a file.
compile() {
  (
    {
      IFS= read -r compiler
      while IFS= read -r word; do set -- "$@" "$word"; done
    } <"$command"
    LC_ALL=C "$compiler" "$@"
  ) >"$errors" 2>&1
}

# In full, not with -fsyntax-only, which may leave templates uninstantiated.
compile_source() { compile "$@" -include "$folder/includes.h" -S -o /dev/null "$source"; }

# Most of the time goes into the headers, so they are compiled once. Compilers look for one of these
# names beside the header; one that finds neither reads the header itself.
grep '^#include' "$source" >"$folder/includes.h"
compile -x c++-header -o "$folder/includes.h.gch" "$folder/includes.h"
cp "$folder/includes.h.gch" "$folder/includes.h.pch"

if ! compile_source; then
  echo "FAILED: without any case $source does not compile:"
  cat "$errors"
  exit 1
fi

failures=0
while read -r macro words; do
  if compile_source "-D$macro"; then
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
