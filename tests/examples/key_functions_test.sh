#!/bin/sh
# What does not enter the key does not matter: the file's name, and what is written on stderr.
set -eu
key_functions=$1
export PERMACACHE_DIR="$TEST_TMPDIR/cache"

text="$TEST_TMPDIR/text.txt"
echo "The cat and the dog and the elephant, the elephant and the cat: cat." >"$text"

run() { "$key_functions" "$1" >"$TEST_TMPDIR/out.txt" 2>"$TEST_TMPDIR/err.txt"; }
fail() { echo "$1"; cat "$TEST_TMPDIR"/*.txt; exit 1; }
expect() {
  [ "$(grep -cE "^$1: (cat|elephant)\$" "$TEST_TMPDIR/out.txt")" -eq 2 ] || fail "$2"
}

run "$text"
expect "computed" "the first run did not compute"
grep -q 'reading' "$TEST_TMPDIR/err.txt" || fail "the first run did not read"
grep -q '{"ignored": "english-1", "text": {".type": "file", .*}, "verbose": null}' \
  "$TEST_TMPDIR/out.txt" || fail "a key without min_length is missing"
grep -q '{"ignored": "english-1", "min_length": 8, "text": ' "$TEST_TMPDIR/out.txt" ||
  fail "a key with min_length is missing"

mv "$text" "$TEST_TMPDIR/renamed.txt"
run "$TEST_TMPDIR/renamed.txt"
expect "from the cache" "the second run computed"
if grep -q 'reading' "$TEST_TMPDIR/err.txt"; then fail "the second run called the function"; fi

echo "A dog." >>"$TEST_TMPDIR/renamed.txt"
run "$TEST_TMPDIR/renamed.txt"
expect "computed" "an edited file was not computed anew"
