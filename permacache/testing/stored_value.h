// What a store has, for tests.
#ifndef PERMACACHE_TESTING_STORED_VALUE_H_
#define PERMACACHE_TESTING_STORED_VALUE_H_

#include <optional>
#include <string>
#include <string_view>

#include "permacache/storage/store.h"

namespace permacache::testing {

// The value of `key`, if there is one. An error fails the test.
std::optional<std::string> ValueOf(storage::Store& store, std::string_view key);

}  // namespace permacache::testing

#endif  // PERMACACHE_TESTING_STORED_VALUE_H_
