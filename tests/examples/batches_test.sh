#!/bin/sh
# Only what is missing is computed, in chunks.
set -eu
batches=$1
export PERMACACHE_DIR="$TEST_TMPDIR/cache"

run() { "$batches" "$1" >"$TEST_TMPDIR/out.txt"; }
fail() { echo "$1"; cat "$TEST_TMPDIR/out.txt"; exit 1; }

run 6000
grep -q '^0 of 6000 are in the cache, 6000 are missing$' "$TEST_TMPDIR/out.txt" || fail "the plan is wrong"
[ "$(grep -c 'computing 2500 numbers' "$TEST_TMPDIR/out.txt")" -eq 2 ] || fail "no chunks"
[ "$(grep -c 'computing 1000 numbers' "$TEST_TMPDIR/out.txt")" -eq 1 ] || fail "no last chunk"
run 7000
grep -q '^6000 of 7000 are in the cache, 1000 are missing$' "$TEST_TMPDIR/out.txt" || fail "the second plan is wrong"
[ "$(grep -c 'computing' "$TEST_TMPDIR/out.txt")" -eq 1 ] || fail "computed more than was missing"
grep -q '^the longest: 6171 takes 261 steps$' "$TEST_TMPDIR/out.txt" || fail "a wrong result"
run 7000
if grep -q 'computing' "$TEST_TMPDIR/out.txt"; then fail "computed again"; fi
