// The file in which the counts of a function are summed up over all processes; FORMAT.md beside
// this file describes it.
#ifndef PERMACACHE_MEMOIZE_STATISTICS_FILE_H_
#define PERMACACHE_MEMOIZE_STATISTICS_FILE_H_

#include <filesystem>

#include "permacache/memoize/options.h"

namespace permacache::memoize {

// Adds to what the file in this folder says. Any number of processes may do so at once. Returns
// whether it could; that there is no such folder is no reason to make it.
bool AddToStatisticsFile(const std::filesystem::path& folder, const FunctionStats& added);

// Nothing but zeros if there is no file, or none that can be understood.
FunctionStats ReadStatisticsFile(const std::filesystem::path& folder);

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_STATISTICS_FILE_H_
