// Looks for strings and numbers whose key texts are wrong, with clang's libFuzzer:
//
//   ./bazelw run --config=fuzz //tests/key:key_fuzzer -- -max_total_time=600 CORPUS_FOLDER
//
// An input that it finds belongs into fuzz_inputs, where check_input_test reads it for ever.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/key/check_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string wrong = permacache::testing::CheckInput({data, size});
  if (!wrong.empty()) {
    std::fprintf(stderr, "%s\n", wrong.c_str());
    std::abort();
  }
  return 0;
}
