#!/bin/sh
# The quickstart computes once and reads ever after.
set -eu
quickstart=$1
export PERMACACHE_DIR="$TEST_TMPDIR/cache"

fail() { echo "$1"; cat "$TEST_TMPDIR"/*.txt; exit 1; }

"$quickstart" >"$TEST_TMPDIR/first.txt"
"$quickstart" >"$TEST_TMPDIR/second.txt"
[ "$(grep -c 'computed in' "$TEST_TMPDIR/first.txt")" -eq 3 ] || fail "the first run did not compute"
[ "$(grep -c 'from the cache in' "$TEST_TMPDIR/second.txt")" -eq 3 ] || fail "the second run computed"
grep -q 'primes below 80000: 7837,' "$TEST_TMPDIR/second.txt" || fail "wrong result"
grep -qF "The cache lies in $PERMACACHE_DIR" "$TEST_TMPDIR/second.txt" || fail "does not say where"
