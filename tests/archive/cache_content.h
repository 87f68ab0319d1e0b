// What caches hold, for tests that carry them from one place to another.
#ifndef PERMACACHE_TESTS_ARCHIVE_CACHE_CONTENT_H_
#define PERMACACHE_TESTS_ARCHIVE_CACHE_CONTENT_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "permacache/archive/layout.h"
#include "permacache/storage/store.h"

namespace permacache::testing {

// An entry with all that is carried with it.
struct Content {
  std::string value;
  int64_t created = 0;       // nanoseconds since 1970
  int64_t compute_time = 0;  // nanoseconds
  storage::FileFormat format = storage::FileFormat::kBinary;

  friend bool operator==(const Content&, const Content&) = default;
};

// The function, the version, and whether it is stored in files.
using Place = std::tuple<std::string, uint32_t, bool>;

// What a cache holds: of each place the entries by their keys.
using Contents = std::map<Place, std::map<std::string, Content>>;

// Of the cache in this directory. An entry that cannot be read fails the test.
Contents ContentsOf(const std::filesystem::path& cache);

// Puts all of it into a cache.
void Fill(const std::filesystem::path& cache, const Contents& contents);

// Some functions, versions and both kinds of storage, with entries of all sizes: empty, binary, of
// several frames, and if wanted such as lie in files of their own.
Contents RandomContents(std::mt19937_64& random, int entries, bool with_large = false);

// All bytes of a file.
std::string ReadFile(const std::filesystem::path& path);
void WriteFile(const std::filesystem::path& path, std::string_view bytes);

// What the end of a file with these frames says if it is to be believed.
std::string WithEnd(const std::string& frames, archive::Directory directory = {});

}  // namespace permacache::testing

#endif  // PERMACACHE_TESTS_ARCHIVE_CACHE_CONTENT_H_
