// What is wrong with a cache as a whole: where it lies, who may use it, what else lies there.
#ifndef PERMACACHE_CLI_DIAGNOSIS_H_
#define PERMACACHE_CLI_DIAGNOSIS_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "permacache/catalog/stored_functions.h"

namespace permacache::cli {

// Findings of one kind count as one.
struct Finding {
  std::string kind;             // "full disk", "foreign file"
  bool is_trouble = true;       // or worth to be known
  int64_t count = 1;            // of places
  std::filesystem::path place;  // the first of them
  std::string found;
  std::string advice;
};

// Looks at the folder `cache`, all files in it and the environments of its functions. Reads no
// results: that is for verify. Throws Interrupted after a SIGINT.
std::vector<Finding> Diagnose(const std::filesystem::path& cache,
                              const std::vector<catalog::StoredFunction>& functions);

}  // namespace permacache::cli

#endif  // PERMACACHE_CLI_DIAGNOSIS_H_
