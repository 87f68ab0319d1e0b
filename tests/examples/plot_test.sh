#!/bin/sh
# The second picture is restored, not drawn.
set -eu
plot=$1
export PERMACACHE_DIR="$TEST_TMPDIR/cache"

fail() { echo "$1"; exit 1; }

"$plot" "$TEST_TMPDIR/first.ppm" | grep -q '^computed: .* are in the set$' || fail "not computed"
[ "$(head -c 2 "$TEST_TMPDIR/first.ppm")" = P6 ] || fail "no picture"
[ "$(wc -c <"$TEST_TMPDIR/first.ppm")" -eq $((600 * 480 * 3 + 15)) ] || fail "not of its size"
"$plot" "$TEST_TMPDIR/second.ppm" | grep -q '^from the cache: ' || fail "computed again"
cmp "$TEST_TMPDIR/first.ppm" "$TEST_TMPDIR/second.ppm" || fail "another picture"
