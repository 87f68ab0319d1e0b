// Looks for exported files that do harm when they are imported or opened as packs, with clang's
// libFuzzer:
//
//   PERMACACHE_SEEDS=CORPUS_FOLDER ./bazelw run //tests/archive:check_file_test
//   ./bazelw run --config=fuzz //tests/archive:import_fuzzer -- -max_total_time=600 CORPUS_FOLDER
//
// The first command puts into the folder what to begin with.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/archive/check_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string wrong = permacache::testing::CheckFile({data, size});
  if (!wrong.empty()) {
    std::fprintf(stderr, "%s\n", wrong.c_str());
    std::abort();
  }
  return 0;
}
