#include "permacache/storage/memory_store.h"

#include <gtest/gtest.h>

#include <memory>

#include "permacache/testing/store_conformance.h"

namespace permacache::testing {
namespace {

INSTANTIATE_TEST_SUITE_P(Memory, StoreConformance,
                         ::testing::Values(StoreUnderTest{
                             .persistent = false, .open = [](const std::filesystem::path&) {
                               return std::make_unique<storage::MemoryStore>();
                             }}));

}  // namespace
}  // namespace permacache::testing
