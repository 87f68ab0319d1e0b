#!/bin/sh
# Fails before there are results, and passes with them.
set -eu
error_on_miss=$1
export PERMACACHE_DIR="$TEST_TMPDIR/cache"

fail() { echo "$1"; exit 1; }

if "$error_on_miss" >"$TEST_TMPDIR/out.txt"; then fail "passed without results"; fi
grep -q 'examples/period has no result for {"angle": 0.1, "step": 1e-07}' "$TEST_TMPDIR/out.txt" ||
  fail "does not say what is missing: $(cat "$TEST_TMPDIR/out.txt")"
"$error_on_miss" --compute | grep -q '^computed: 2.00' || fail "did not compute"
"$error_on_miss" | grep -qx 'passed, without computing' || fail "did not pass"
