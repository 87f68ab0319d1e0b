// Whether reading a file keeps its promises, whatever it holds; for the fuzzer and for the tests of
// what that has found.
#ifndef PERMACACHE_TESTS_ARCHIVE_CHECK_FILE_H_
#define PERMACACHE_TESTS_ARCHIVE_CHECK_FILE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace permacache::testing {

// The first byte says what the others are: the file itself; the frames before an end whose digest
// is right; the tar archive in such frames; what members are made of, all of whose checksums are
// right; or an index of one sound record. Imports that file into an empty cache, or into one that
// has something, and opens it as a pack. Returns what is wrong: something outside of the cache, a
// record in it that is not sound, an error without a text. Empty if nothing is.
std::string CheckFile(std::span<const uint8_t> input);

// Inputs from which a fuzzer may start: of each kind some that are sound, or nearly so.
std::vector<std::string> Seeds();

}  // namespace permacache::testing

#endif  // PERMACACHE_TESTS_ARCHIVE_CHECK_FILE_H_
