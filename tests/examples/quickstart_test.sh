#!/bin/sh
# The quickstart computes once and reads ever after.
set -eu
quickstart=$1
export PERMACACHE_DIR="$TEST_TMPDIR/cache"

fail() { echo "$1"; cat "$TEST_TMPDIR"/*.txt; exit 1; }

"$quickstart" >"$TEST_TMPDIR/first.txt"
"$quickstart" >"$TEST_TMPDIR/second.txt"
[ "$(grep -c 'computed: ' "$TEST_TMPDIR/first.txt")" -eq 3 ] || fail "the first run did not compute"
[ "$(grep -c 'from the cache: ' "$TEST_TMPDIR/second.txt")" -eq 3 ] || fail "the second run computed"
grep -q 'from the cache: 102334155 = fib(40) in ' "$TEST_TMPDIR/second.txt" || fail "wrong result"
grep -qF "The cache lies in $PERMACACHE_DIR" "$TEST_TMPDIR/second.txt" || fail "does not say where"
