#!/bin/sh
# Computes once, under Python's keys. The hash is hashlib's, of a JSON text of hashlib's of the array.
set -eu
python_keys=$1
export PERMACACHE_DIR="$TEST_TMPDIR/cache"

fail() { echo "$1"; cat "$TEST_TMPDIR"/*.txt; exit 1; }

"$python_keys" >"$TEST_TMPDIR/first.txt"
"$python_keys" >"$TEST_TMPDIR/second.txt"
[ "$(grep -c 'computed: 250 samples' "$TEST_TMPDIR/first.txt")" -eq 2 ] ||
  fail "the first run did not compute"
[ "$(grep -c 'from the cache: 250 samples' "$TEST_TMPDIR/second.txt")" -eq 2 ] ||
  fail "the second run computed"
hash=14d776432673f77ade52df68e5c67164bcfe8f851285931b1842c6178408aae4
for window in 1.0 0.5; do
  grep -qxF "  {\"least\": 2, \"signal\": \"$hash\", \"verbose\": null, \"window\": \"$window\"}" \
    "$TEST_TMPDIR/second.txt" || fail "another key than Python's"
done
