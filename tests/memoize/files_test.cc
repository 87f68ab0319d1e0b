// Caches with a file per result, end to end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "permacache/memoize/memoize.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

namespace fs = std::filesystem;

using namespace permacache::literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Result {
  int x = 0;
  std::string text;
  std::vector<double> numbers;
  std::map<int, bool> flags;
  bool operator==(const Result&) const = default;
};

Result Compute(int x, const std::string& text) {
  return {x,
          text + "\xff",
          std::vector<double>(x % 40, -std::numeric_limits<double>::infinity()),
          {{x, true}}};
}

struct Driver {
  Encoding encoding;
  Compression compression;
};

constexpr Driver kDrivers[] = {{Encoding::kBinary, Compression::kNone},
                               {Encoding::kBinary, Compression::kZstd},
                               {Encoding::kJson, Compression::kNone},
                               {Encoding::kJson, Compression::kZstd}};

// A function in a cache, the failures of which fail the test.
auto Open(const fs::path& directory, Driver driver, Storage storage = Storage::kFiles) {
  const Cache cache({.directory = directory,
                     .storage = storage,
                     .on_failure = [](const Failure& f) { ADD_FAILURE() << f.message; }});
  return cache.Memoize(
      {.name = "wing/lift", .encoding = driver.encoding, .compression = driver.compression},
      Compute, "x"_a, "text"_a = "a");
}

std::vector<fs::path> FilesOf(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(directory / "wing" / "lift" / "v0")) {
    files.push_back(entry.path());
  }
  return files;
}

std::string ContentOf(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

class Files : public ::testing::TestWithParam<Driver> {
 protected:
  const TemporaryDirectory directory_;
};

INSTANTIATE_TEST_SUITE_P(EachDriver, Files, ::testing::ValuesIn(kDrivers));

TEST_P(Files, KeepResultsForLaterObjectsAndProcesses) {
  auto f = Open(directory_.path(), GetParam());
  for (int x = 0; x < 20; ++x) EXPECT_EQ(f(x), Compute(x, "a"));
  EXPECT_EQ(f.Stats().misses, 20);
  EXPECT_EQ(f.Size(), 20);
  const auto read_all = [&](int) {
    auto g = Open(directory_.path(), GetParam());
    for (int x = 0; x < 20; ++x) {
      if (g(x) != Compute(x, "a") || !g.Contains(x)) return 1;
    }
    return g.Stats().hits == 20 && g.Stats().failures == 0 ? 0 : 2;
  };
  EXPECT_EQ(RunProcesses(2, read_all), 0);
}

TEST_P(Files, AreSharedByProcessesThatWrite) {
  const auto write_and_read = [&](int) {
    auto f = Open(directory_.path(), GetParam());
    for (int round = 0; round < 2; ++round) {
      for (int x = 0; x < 50; ++x) {
        if (f(x) != Compute(x, "a") || !f.Contains(x)) return 1;
      }
    }
    return f.Stats().failures == 0 ? 0 : 2;
  };
  EXPECT_EQ(RunProcesses(3, write_and_read), 0);
  EXPECT_EQ(Open(directory_.path(), GetParam()).Size(), 50);
}

TEST_P(Files, CanBeForgottenAndCleared) {
  auto f = Open(directory_.path(), GetParam());
  f(1), f(2), f(3);
  EXPECT_TRUE(f.Forget(2));
  EXPECT_FALSE(f.Forget(2));
  EXPECT_FALSE(f.Contains(2));
  EXPECT_EQ(f.Size(), 2);
  f.Clear();
  EXPECT_EQ(f.Size(), 0);
  EXPECT_TRUE(FilesOf(directory_.path()).empty());
}

TEST_P(Files, AreReadWhateverTheOptionsWhenTheyWereWritten) {
  EXPECT_EQ(Open(directory_.path(), GetParam())(7), Compute(7, "a"));
  for (const Driver driver : kDrivers) {
    auto f = Open(directory_.path(), driver);
    EXPECT_EQ(f(7), Compute(7, "a"));
    EXPECT_EQ(f.Stats().hits, 1);
  }
}

TEST_P(Files, ThatAreDamagedAreReportedComputedAndReplaced) {
  Open(directory_.path(), GetParam())(7);
  const std::vector<fs::path> files = FilesOf(directory_.path());
  ASSERT_EQ(files.size(), size_t{1});
  const std::string sound = ContentOf(files[0]);
  std::ofstream(files[0], std::ios::binary) << sound.substr(0, sound.size() - 1);
  std::vector<Failure> failures;
  const Cache cache({.directory = directory_.path(),
                     .storage = Storage::kFiles,
                     .on_failure = [&](const Failure& f) { failures.push_back(f); }});
  auto f = cache.Memoize({.name = "wing/lift"}, Compute, "x"_a, "text"_a = "a");
  EXPECT_EQ(f(7), Compute(7, "a"));
  ASSERT_EQ(failures.size(), size_t{1});
  EXPECT_EQ(failures[0].kind, Failure::Kind::kDamaged) << failures[0].message;
  EXPECT_THAT(failures[0].message, HasSubstr(files[0].string()));
  EXPECT_EQ(f(7), Compute(7, "a"));
  EXPECT_EQ(f.Stats().hits, 1);
}

TEST(JsonFiles, CanBeReadByPeople) {
  const TemporaryDirectory directory;
  Open(directory.path(), {Encoding::kJson, Compression::kNone})(3);
  const std::vector<fs::path> files = FilesOf(directory.path());
  ASSERT_EQ(files.size(), size_t{1});
  EXPECT_THAT(files[0].filename().string(), StartsWith("text=a,x=3-"));
  EXPECT_THAT(ContentOf(files[0]),
              AllOf(HasSubstr(R"("key": "{\"text\": \"a\", \"x\": 3}")"), HasSubstr("\"x\": 3,\n"),
                    HasSubstr(R"("numbers": ["-inf", "-inf", "-inf"])")));
}

TEST(JsonEncoding, WorksInEveryStorage) {
  for (const Storage storage : {Storage::kDisk, Storage::kMemory, Storage::kFiles}) {
    const TemporaryDirectory directory;
    auto f = Open(directory.path(), {Encoding::kJson, Compression::kZstd}, storage);
    EXPECT_EQ(f(5), Compute(5, "a"));
    EXPECT_EQ(f(5), Compute(5, "a"));
    EXPECT_EQ(f.Stats().hits, 1);
  }
}

struct Changed {
  int x = 0;
};

TEST(JsonEncoding, OfAnotherTypeIsAMiss) {
  const TemporaryDirectory directory;
  const Cache cache({.directory = directory.path(), .storage = Storage::kFiles});
  const FunctionOptions options = {.name = "f", .encoding = Encoding::kJson};
  cache.Memoize(options, [](int x) { return x; })(1);
  auto f = cache.Memoize(options, [](int x) { return Changed{x}; });
  EXPECT_FALSE(f.Contains(1));
  EXPECT_EQ(f(1).x, 1);
  EXPECT_EQ(f.Stats().failures, 0);
}

int SizeOf(const fs::path& path) { return static_cast<int>(fs::file_size(path)); }

// Digests of files that have settled are remembered beside the functions, in files as well.
TEST(FilesCache, WorksWithFileContents) {
  const TemporaryDirectory directory;
  const fs::path input = directory.path() / "input";
  std::ofstream(input) << "content";
  const Cache cache({.directory = directory.path() / "cache", .storage = Storage::kFiles});
  auto f = cache.Memoize("f", SizeOf, "path"_a.FileContents());
  EXPECT_EQ(f(input), 7);
  EXPECT_EQ(f(input), 7);
  EXPECT_EQ(f.Stats().hits, 1);
  EXPECT_EQ(f.Stats().failures, 0);
}

TEST(FilesCache, OfAFunctionAndOfOneBelowItDoNotMix) {
  const TemporaryDirectory directory;
  const Cache cache({.directory = directory.path(), .storage = Storage::kFiles});
  auto f = cache.Memoize("f", [](int x) { return x; });
  auto below = cache.Memoize("f/v0", [](int x) { return 2 * x; });
  EXPECT_EQ(f(1), 1);
  EXPECT_EQ(below(1), 2);
  EXPECT_EQ(f.Size(), 1);
  f.Clear();
  EXPECT_EQ(below.Size(), 1);
  EXPECT_EQ(below(1), 2);
}

}  // namespace
}  // namespace permacache::testing
