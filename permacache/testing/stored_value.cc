#include "permacache/testing/stored_value.h"

#include <gtest/gtest.h>

namespace permacache::testing {

std::optional<std::string> ValueOf(storage::Store& store, std::string_view key) {
  std::optional<std::string> value;
  const absl::StatusOr<bool> found =
      store.Get(key, [&](const storage::Record& record) { value = std::string(record.value); });
  EXPECT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found.ok() && *found, value.has_value());
  return value;
}

}  // namespace permacache::testing
