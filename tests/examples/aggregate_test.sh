#!/bin/sh
# Each configuration is simulated once.
set -eu
aggregate=$1
export PERMACACHE_DIR="$TEST_TMPDIR/cache"

fail() { echo "$1"; cat "$TEST_TMPDIR"/*.txt; exit 1; }

"$aggregate" >"$TEST_TMPDIR/first.txt"
"$aggregate" >"$TEST_TMPDIR/second.txt"
[ "$(grep -c 'computed: ' "$TEST_TMPDIR/first.txt")" -eq 3 ] || fail "the first run did not compute"
[ "$(grep -c 'from the cache: ' "$TEST_TMPDIR/second.txt")" -eq 3 ] || fail "the second run computed"
sed 's/^computed: /from the cache: /' "$TEST_TMPDIR/first.txt" | cmp -s - "$TEST_TMPDIR/second.txt" ||
  fail "the results differ"
# That many are infected in the end by the equation of an epidemic's final size.
grep -q 'from the cache: 5 contacts a day infect 89.2[0-9]* % in a year' \
  "$TEST_TMPDIR/second.txt" || fail "wrong result"
grep -qF '{"contacts": 5.0, "days": 365, "disease": {".attr.__name__": "Disease", "infection": 0.05' \
  "$TEST_TMPDIR/second.txt" || fail "the fields are not the key"
