#!/bin/sh
# Each content is analysed once: again only what was edited.
set -eu
file_stats=$1
export PERMACACHE_DIR="$TEST_TMPDIR/cache"
unset BUILD_WORKSPACE_DIRECTORY BUILD_WORKING_DIRECTORY || true

folder="$TEST_TMPDIR/folder"
mkdir -p "$folder/sub/.hidden"
printf 'one line of text\nanother line of text\n' >"$folder/a.txt"
printf 'something else entirely\n' >"$folder/sub/b.txt"
printf 'a third file with words\n' >"$folder/sub/c.txt"
printf 'not seen' >"$folder/sub/.hidden/d.txt"
printf 'bin\000ary' >"$folder/e.bin"
ln -s a.txt "$folder/link.txt"

run() { "$file_stats" "$folder" | grep 'from the cache' | sed 's/, in .*//'; }
expect() {
  actual=$(run)
  [ "$actual" = "$1" ] || { echo "$2: expected '$1', got '$actual'"; exit 1; }
}

expect "3 computed, 0 from the cache" "first run"
expect "0 computed, 3 from the cache" "second run"
echo "one more line" >>"$folder/sub/b.txt"
expect "1 computed, 2 from the cache" "after an edit"
mv "$folder/a.txt" "$folder/renamed.txt"
expect "0 computed, 3 from the cache" "after renaming"

"$file_stats" "$folder" | grep -qF "The cache lies in $PERMACACHE_DIR"
if "$file_stats" "$folder/nothing" 2>"$TEST_TMPDIR/error.txt"; then exit 1; fi
grep -q "is not a folder" "$TEST_TMPDIR/error.txt"
