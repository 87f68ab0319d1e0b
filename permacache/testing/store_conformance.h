// What every store must do, as tests that run on each of them:
//
//   INSTANTIATE_TEST_SUITE_P(Lmdb, StoreConformance, testing::Values(StoreUnderTest{
//       .persistent = true,
//       .open = [](const std::filesystem::path& directory) { return ...; }}));
#ifndef PERMACACHE_TESTING_STORE_CONFORMANCE_H_
#define PERMACACHE_TESTING_STORE_CONFORMANCE_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>

#include "permacache/storage/store.h"
#include "permacache/testing/stored_value.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {

struct StoreUnderTest {
  bool persistent;  // whether another object and another process find what was put
  std::function<std::unique_ptr<storage::Store>(const std::filesystem::path& directory)> open;
};

class StoreConformance : public ::testing::TestWithParam<StoreUnderTest> {
 protected:
  StoreConformance() : store_(Open()) {}

  std::unique_ptr<storage::Store> Open() const { return GetParam().open(directory_.path()); }

  TemporaryDirectory directory_;
  std::unique_ptr<storage::Store> store_;
};

}  // namespace permacache::testing

#endif  // PERMACACHE_TESTING_STORE_CONFORMANCE_H_
