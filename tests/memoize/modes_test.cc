// Scopes in which calls must not compute, or do without the cache.
#include "permacache/memoize/modes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "permacache/memoize/memoize.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

using namespace permacache::literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ModesTest : public ::testing::Test {
 protected:
  auto Square(const std::string& name) {
    return cache_.Memoize(
        name,
        [this](int x) {
          ++computed_;
          return x * x;
        },
        "x"_a);
  }

  TemporaryDirectory directory_;
  Cache cache_{{.directory = directory_.path()}};
  int computed_ = 0;
};

TEST_F(ModesTest, ErrorOnMissThrowsInsteadOfComputing) {
  auto f = Square("wing/f");
  EXPECT_EQ(f(2), 4);
  {
    ScopedErrorOnMiss guard;
    EXPECT_EQ(f(2), 4);
    try {
      f(3);
      ADD_FAILURE() << "computed";
    } catch (const CacheMissError& error) {
      EXPECT_EQ(error.function(), "wing/f");
      EXPECT_EQ(error.key(), R"({"x": 3})");
      EXPECT_THAT(error.what(), HasSubstr("wing/f"));
      EXPECT_THAT(error.what(), HasSubstr(R"({"x": 3})"));
    }
    EXPECT_THROW(f.Recompute(2), CacheMissError);
    EXPECT_FALSE(f.Contains(3));
    EXPECT_EQ(f.Lookup(3), std::nullopt);
  }
  EXPECT_EQ(computed_, 1);
  EXPECT_EQ(f(3), 9);
  EXPECT_EQ(computed_, 2);
  EXPECT_EQ(f.Stats().misses, 2);
}

TEST_F(ModesTest, ErrorOnMissOfOneFunctionLeavesOthersAlone) {
  auto f = Square("f"), g = Square("g");
  const auto copy = f;
  ScopedErrorOnMiss guard(f);
  EXPECT_THROW(f(1), CacheMissError);
  EXPECT_THROW(copy(1), CacheMissError);
  EXPECT_EQ(g(1), 1);
}

TEST_F(ModesTest, NoCacheNeitherReadsNorWrites) {
  auto f = Square("f");
  EXPECT_EQ(f(2), 4);
  {
    ScopedNoCache guard;
    EXPECT_EQ(f(2), 4);
    EXPECT_EQ(f(3), 9);
    EXPECT_EQ(f.Recompute(4), 16);
    EXPECT_EQ(f.Async(5).get(), 25);
    EXPECT_TRUE(f.Contains(2));  // questions are answered as ever
  }
  EXPECT_EQ(computed_, 5);
  EXPECT_FALSE(f.Contains(3));
  EXPECT_EQ(f.Size(), 1);
  EXPECT_EQ(f.Stats().misses, 1);
  EXPECT_EQ(f.Stats().hits, 0);
}

TEST_F(ModesTest, NoCacheOfOneFunctionLeavesOthersAlone) {
  auto f = Square("f"), g = Square("g");
  ScopedNoCache guard(f);
  f(1);
  g(1);
  EXPECT_FALSE(f.Contains(1));
  EXPECT_TRUE(g.Contains(1));
}

TEST_F(ModesTest, WithoutCacheAndWithErrorOnMissEveryCallIsAnError) {
  auto f = Square("f");
  f(2);
  ScopedNoCache no_cache;
  ScopedErrorOnMiss error_on_miss;
  EXPECT_THROW(f(2), CacheMissError);
  EXPECT_EQ(computed_, 1);
}

TEST_F(ModesTest, ScopesNestAndOutliveTheirFunction) {
  auto g = Square("g");
  {
    ScopedErrorOnMiss outer;
    { ScopedErrorOnMiss inner; }
    EXPECT_THROW(g(1), CacheMissError);
    auto* f = new auto(Square("f"));
    ScopedErrorOnMiss of_f(*f);
    delete f;
  }
  EXPECT_EQ(g(1), 1);
}

TEST_F(ModesTest, HoldForFunctionsWithBatchesAndOutFiles) {
  auto f = cache_.Memoize(
      "batch",
      [this](const std::vector<int>& xs) {
        computed_ += static_cast<int>(xs.size());
        return xs;
      },
      "xs"_a.Batch());
  f({1, 2});
  {
    ScopedErrorOnMiss guard;
    EXPECT_THAT(f({2, 1}), ElementsAre(2, 1));
    try {
      f({1, 3});
      ADD_FAILURE() << "computed";
    } catch (const CacheMissError& error) {
      EXPECT_EQ(error.key(), R"({"xs": 3})");
    }
  }
  ScopedNoCache guard(f);
  EXPECT_THAT(f({1, 1}), ElementsAre(1, 1));
  EXPECT_EQ(computed_, 4);
}

}  // namespace
}  // namespace permacache::testing
