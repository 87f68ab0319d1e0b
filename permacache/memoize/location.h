// Where a cache lies, and where in it a function.
#ifndef PERMACACHE_MEMOIZE_LOCATION_H_
#define PERMACACHE_MEMOIZE_LOCATION_H_

#include <filesystem>
#include <string_view>

namespace permacache::memoize {

// $PERMACACHE_DIR, else $XDG_CACHE_HOME/permacache, else ~/.cache/permacache. Throws Error if none
// of them says anything.
std::filesystem::path DefaultDirectory();

// The folder in a cache that remembers the contents of files. No function can have this name.
inline constexpr std::string_view kFileContentsName = ".file_contents";

// Throws Error if `name` cannot be that of a function.
void CheckFunctionName(std::string_view name);

// The folder of the function `name` in the cache `directory`. Throws Error if the name cannot be
// one, or if a file is in the way. Makes nothing.
std::filesystem::path FunctionDirectory(const std::filesystem::path& directory,
                                        std::string_view name);

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_LOCATION_H_
