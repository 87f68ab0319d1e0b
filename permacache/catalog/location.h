// Where a cache lies, and where in it a function.
#ifndef PERMACACHE_CATALOG_LOCATION_H_
#define PERMACACHE_CATALOG_LOCATION_H_

#include <filesystem>
#include <string_view>

namespace permacache::catalog {

// $PERMACACHE_DIR, else $XDG_CACHE_HOME/permacache, else ~/.cache/permacache. Throws Error if none
// of them says anything.
std::filesystem::path DefaultDirectory();

// What lies in the folder of a cache, or of a function; no part of a function's name can be one of
// these: what remembers the contents of files; copies of files that the function wrote; the files
// in which processes take turns at computing (with a digit), and at writing to a path; what was
// counted.
inline constexpr std::string_view kFileContentsName = ".file_contents";
inline constexpr std::string_view kOutFilesName = ".out_files";
inline constexpr std::string_view kTurnsName = ".turns";
inline constexpr std::string_view kPathsName = ".paths";
inline constexpr std::string_view kStatisticsName = "stats.json";

// Throws Error if `name` cannot be that of a function.
void CheckFunctionName(std::string_view name);

// The folder of the function `name` in the cache `directory`. Throws Error if the name cannot be
// one, or if a file is in the way. Makes nothing.
std::filesystem::path FunctionDirectory(const std::filesystem::path& directory,
                                        std::string_view name);

}  // namespace permacache::catalog

#endif  // PERMACACHE_CATALOG_LOCATION_H_
