#include "permacache/testing/torture.h"

#include <gtest/gtest.h>

#include <charconv>
#include <iostream>
#include <optional>
#include <string_view>

namespace permacache::testing {
namespace {

std::optional<std::chrono::seconds> given;

bool ParseFlag(std::string_view argument) {
  constexpr std::string_view kFlag = "--seconds=";
  if (!argument.starts_with(kFlag)) return false;
  int seconds = 0;
  const char* const end = argument.data() + argument.size();
  const auto [parsed, error] = std::from_chars(argument.data() + kFlag.size(), end, seconds);
  if (error != std::errc() || parsed != end || seconds < 0) return false;
  given = std::chrono::seconds(seconds);
  return true;
}

}  // namespace

std::chrono::steady_clock::time_point EndOfTorture(std::chrono::seconds by_default) {
  return std::chrono::steady_clock::now() + given.value_or(by_default);
}

}  // namespace permacache::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    if (permacache::testing::ParseFlag(argv[i])) continue;
    std::cerr << argv[i] << " is not understood; --seconds=N says how long to run\n";
    return 2;
  }
  return RUN_ALL_TESTS();
}
