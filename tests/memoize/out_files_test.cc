// Functions that write files.
#include "permacache/memoize/out_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "permacache/memoize/memoize.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

using namespace permacache::literals;
namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::UnorderedElementsAre;

void WriteFile(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

std::string ReadFile(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::vector<std::string> NamesIn(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  return names;
}

class OutFilesTest : public ::testing::TestWithParam<std::tuple<OutFiles, Storage>> {
 protected:
  static OutFiles How() { return std::get<0>(GetParam()); }

  auto Product() {
    return cache_.Memoize(
        {.name = "product",
         .out_files = How(),
         .on_failure = [this](const Failure& failure) { failures_.emplace_back(failure.message); }},
        [this](int x, int y, const fs::path& loc) {
          ++computed_;
          WriteFile(loc, std::to_string(x * y));
          return std::vector<int>{x, y};
        },
        "x"_a, "y"_a = 2, "loc"_a.OutFile());
  }

  auto Two() {
    return cache_.Memoize(
        {.name = "two", .out_files = How()},
        [this](int x, int y, const std::string& product, const std::string& sum) {
          ++computed_;
          WriteFile(product, std::to_string(x * y));
          WriteFile(sum, std::to_string(x + y));
        },
        "x"_a, "y"_a, "product"_a.OutFile(), "sum"_a.OutFile());
  }

  fs::path At(const std::string& name) const { return outputs_.path() / name; }

  TemporaryDirectory directory_;
  TemporaryDirectory outputs_;
  Cache cache_{{.directory = directory_.path(), .storage = std::get<1>(GetParam())}};
  int computed_ = 0;
  std::vector<std::string> failures_;
};

TEST_P(OutFilesTest, AnotherPathGetsTheFileWithoutComputing) {
  auto f = Product();
  EXPECT_THAT(f(123, "loc"_a = At("a")), ElementsAre(123, 2));
  EXPECT_EQ(ReadFile(At("a")), "246");
  EXPECT_THAT(f(123, "loc"_a = At("b")), ElementsAre(123, 2));
  EXPECT_EQ(ReadFile(At("b")), "246");
  EXPECT_EQ(computed_, 1);
  EXPECT_THAT(NamesIn(outputs_.path()), UnorderedElementsAre("a", "b"));
  EXPECT_THAT(failures_, IsEmpty());
}

TEST_P(OutFilesTest, ThePathIsNotInTheKey) {
  auto f = Product();
  EXPECT_EQ(f.Key(1, 2, At("a")), R"({"x": 1, "y": 2})");
}

TEST_P(OutFilesTest, TheSamePathUnderAnySpellingIsLeftAlone) {
  auto f = Product();
  f(123, "loc"_a = At("a"));
  const auto before = fs::last_write_time(At("a"));
  struct stat first, second;
  ASSERT_EQ(stat(At("a").c_str(), &first), 0);
  f(123, "loc"_a = At("a"));
  f(123, "loc"_a = outputs_.path() / "." / "a");
  const fs::path here = fs::current_path();
  fs::current_path(outputs_.path());
  f(123, "loc"_a = "a");
  fs::current_path(here);
  ASSERT_EQ(stat(At("a").c_str(), &second), 0);
  EXPECT_EQ(fs::last_write_time(At("a")), before);
  EXPECT_EQ(first.st_ino, second.st_ino);
  EXPECT_EQ(computed_, 1);
}

TEST_P(OutFilesTest, AnOverwrittenOrDeletedFileComesBackWhereThereIsASource) {
  auto f = Product();
  f(123, "loc"_a = At("a"));
  f(123, "loc"_a = At("b"));
  WriteFile(At("b"), "hi");
  f(123, "loc"_a = At("c"));
  EXPECT_EQ(ReadFile(At("c")), "246");
  fs::remove(At("a"));
  f(123, "loc"_a = At("d"));
  EXPECT_EQ(ReadFile(At("d")), "246");
  EXPECT_EQ(computed_, 1);
  EXPECT_EQ(ReadFile(At("b")), "hi");
  f(123, "loc"_a = At("b"));
  EXPECT_EQ(ReadFile(At("b")), "246");
  EXPECT_EQ(computed_, 1);
}

TEST_P(OutFilesTest, AChangedFileIsNeverASource) {
  auto f = Product();
  f(123, "loc"_a = At("a"));
  f(123, "loc"_a = At("b"));
  WriteFile(At("a"), "hi!");  // of the same length
  WriteFile(At("b"), "hi!");
  f(123, "loc"_a = At("c"));
  EXPECT_EQ(ReadFile(At("c")), "246");
  f(123, "loc"_a = At("a"));
  EXPECT_EQ(ReadFile(At("a")), "246");
  EXPECT_EQ(computed_, How() == OutFiles::kCopies ? 1 : 2);
}

TEST_P(OutFilesTest, CallsThatOverwriteEachOther) {
  auto f = Product();
  f(123, "loc"_a = At("a"));
  f(234, "loc"_a = At("b"));
  EXPECT_EQ(computed_, 2);
  f(123, "loc"_a = At("b"));
  EXPECT_EQ(ReadFile(At("b")), "246");
  EXPECT_EQ(computed_, 2);
  f(234, "loc"_a = At("a"));
  EXPECT_EQ(ReadFile(At("a")), "468");
  EXPECT_EQ(computed_, How() == OutFiles::kCopies ? 2 : 3);
}

TEST_P(OutFilesTest, AMovedFileIsASourceOnlyOfACopy) {
  auto f = Product();
  f(123, "loc"_a = At("a"));
  fs::rename(At("a"), At("moved"));
  f(123, "loc"_a = At("a"));
  EXPECT_EQ(ReadFile(At("a")), "246");
  EXPECT_EQ(computed_, How() == OutFiles::kCopies ? 1 : 2);
}

TEST_P(OutFilesTest, TwoFilesAndNoResult) {
  auto f = Two();
  f(123, 2, At("a"), At("b"));
  f(123, 2, At("c"), At("d"));
  EXPECT_EQ(ReadFile(At("c")), "246");
  EXPECT_EQ(ReadFile(At("d")), "125");
  EXPECT_EQ(computed_, 1);
  fs::remove(At("a"));
  fs::remove(At("c"));
  f(123, 2, At("e"), At("f"));
  EXPECT_EQ(ReadFile(At("e")), "246");
  EXPECT_EQ(ReadFile(At("f")), "125");
  EXPECT_EQ(computed_, How() == OutFiles::kCopies ? 1 : 2);
}

TEST_P(OutFilesTest, ModesAndLinksAreKept) {
  auto f = Product();
  f(123, "loc"_a = At("a"));
  // What the function wrote is what counts, with the permissions that it had then.
  auto g = cache_.Memoize(
      {.name = "script", .out_files = How()},
      [](int x, const fs::path& loc) {
        WriteFile(loc, std::to_string(x));
        chmod(loc.c_str(), 0751);
        return x;
      },
      "x"_a, "loc"_a.OutFile());
  g(1, At("script"));
  WriteFile(At("target"), "old");
  fs::create_symlink("target", At("link"));
  g(1, At("link"));
  struct stat info;
  ASSERT_EQ(stat(At("target").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0751u);
  EXPECT_TRUE(fs::is_symlink(At("link")));
  EXPECT_EQ(ReadFile(At("target")), "1");
}

TEST_P(OutFilesTest, LargeFilesTravelWhole) {
  int computed = 0;
  std::string large(9 << 20, '\0');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 2654435761u >> 13);
  auto f = cache_.Memoize(
      {.name = "large", .out_files = How()},
      [&](int, const fs::path& loc) {
        ++computed;
        WriteFile(loc, large);
        return large.size();
      },
      "x"_a, "loc"_a.OutFile());
  f(1, At("a"));
  EXPECT_EQ(f(1, At("b")), large.size());
  EXPECT_EQ(computed, 1);
  EXPECT_EQ(ReadFile(At("b")), large);
}

TEST_P(OutFilesTest, AnExceptionStoresNothing) {
  bool fails = true;
  auto f = cache_.Memoize(
      {.name = "f", .out_files = How()},
      [&](int x, const fs::path& loc) {
        WriteFile(loc, fails ? "half" : "whole");
        if (fails) throw std::runtime_error("stopped");
        return x;
      },
      "x"_a, "loc"_a.OutFile());
  EXPECT_THROW(f(1, At("a")), std::runtime_error);
  EXPECT_FALSE(f.Contains(1, At("a")));
  fails = false;
  f(1, At("a"));
  EXPECT_EQ(ReadFile(At("a")), "whole");
}

TEST_P(OutFilesTest, AFileThatIsNotWrittenIsAFailureAndNothingIsStored) {
  auto f = cache_.Memoize(
      {.name = "f",
       .out_files = How(),
       .on_failure = [this](const Failure& failure) { failures_.emplace_back(failure.message); }},
      [&](int x, const fs::path&) { return x; }, "x"_a, "loc"_a.OutFile());
  EXPECT_EQ(f(1, At("nothing")), 1);
  EXPECT_THAT(failures_, ElementsAre(HasSubstr("has not written")));
  EXPECT_EQ(f.Size(), 0);
}

TEST_P(OutFilesTest, WhereItCannotBeRestoredTheFunctionComputes) {
  auto f = Product();
  f(123, "loc"_a = At("a"));
  f(123, "loc"_a = At("no/such/folder"));
  EXPECT_EQ(computed_, 2);
}

TEST_P(OutFilesTest, QuestionsSayWhatACallWouldDo) {
  auto f = Product();
  EXPECT_FALSE(f.Contains(123, "loc"_a = At("a")));
  f(123, "loc"_a = At("a"));
  EXPECT_TRUE(f.Contains(123, "loc"_a = At("b")));
  EXPECT_FALSE(fs::exists(At("b")));
  EXPECT_THAT(f.Lookup(123, "loc"_a = At("b")), Optional(ElementsAre(123, 2)));
  EXPECT_EQ(ReadFile(At("b")), "246");
  EXPECT_TRUE(f.Forget(123, "loc"_a = At("b")));
  EXPECT_FALSE(f.Contains(123, "loc"_a = At("a")));
  f(1, "loc"_a = At("c"));
  f.Clear();
  EXPECT_EQ(f.Size(), 0);
  f.Recompute(1, "loc"_a = At("c"));
  EXPECT_EQ(f.Size(), 1);
  auto two = Two();
  EXPECT_FALSE(two.Lookup(1, 2, At("x"), At("y")));
  two(1, 2, At("x"), At("y"));
  EXPECT_TRUE(two.Lookup(1, 2, At("x"), At("y")));
}

TEST_P(OutFilesTest, AnAuditComparesTheFilesToo) {
  std::string text = "one";
  auto f = cache_.Memoize(
      {.name = "f",
       .audit = 1,
       .out_files = How(),
       .on_failure = [this](const Failure& failure) { failures_.emplace_back(failure.message); }},
      [&](const fs::path& loc) { WriteFile(loc, text); }, "loc"_a.OutFile());
  f(At("a"));
  f(At("b"));
  EXPECT_THAT(failures_, IsEmpty());
  text = "two";
  f(At("c"));
  EXPECT_THAT(failures_, ElementsAre(HasSubstr("audit")));
  EXPECT_EQ(ReadFile(At("c")), "one");
}

TEST_P(OutFilesTest, WhatWasThereBeforeIsNotTakenForWritten) {
  auto f = cache_.Memoize(
      {.name = "f",
       .out_files = How(),
       .on_failure = [this](const Failure& failure) { failures_.emplace_back(failure.message); }},
      [](int x, const fs::path& loc) {
        if (x != 2) WriteFile(loc, std::to_string(x));
        return x;
      },
      "x"_a, "loc"_a.OutFile());
  f(1, At("a"));
  f(2, At("a"));
  EXPECT_THAT(failures_, ElementsAre(HasSubstr("has not written")));
  EXPECT_FALSE(f.Contains(2, At("b")));
  // But the same once more is written.
  f.Recompute(1, At("a"));
  EXPECT_EQ(failures_.size(), 1u);
}

TEST_P(OutFilesTest, TwoFilesAtOnePathAreNotStored) {
  auto f = Two();
  f(3, 4, At("a"), At("a"));
  f(3, 4, At("p"), At("q"));
  EXPECT_EQ(ReadFile(At("p")), "12");
  EXPECT_EQ(ReadFile(At("q")), "7");
  f(3, 4, At("a"), At("a"));
  EXPECT_EQ(computed_, 3);
}

TEST_P(OutFilesTest, CallsAtOnePathTakeTurns) {
  std::atomic<int> inside = 0, most = 0;
  auto f = cache_.Memoize(
      {.name = "f", .out_files = How()},
      [&](int x, const fs::path& loc) {
        most = std::max<int>(most, ++inside);
        WriteFile(loc, std::to_string(x));
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        --inside;
        return x;
      },
      "x"_a, "loc"_a.OutFile());
  {
    std::vector<std::jthread> threads;
    for (int x = 0; x < 4; ++x) threads.emplace_back([&, x] { f(x, At("a")); });
  }
  EXPECT_EQ(most, 1);
  if (How() == OutFiles::kEarlierPaths) return;
  for (int x = 0; x < 4; ++x) {
    f(x, At("b"));
    EXPECT_EQ(ReadFile(At("b")), std::to_string(x));
  }
}

TEST_P(OutFilesTest, AHitAtAPathWaitsForWhoComputesThere) {
  if (How() == OutFiles::kEarlierPaths) GTEST_SKIP() << "what is overwritten is no source";
  std::promise<void> is_written;
  std::atomic<bool> goes_on = false;
  auto f = cache_.Memoize(
      "f",
      [&](int x, const fs::path& loc) {
        WriteFile(loc, std::to_string(x));
        if (x == 1) {
          is_written.set_value();
          while (!goes_on) std::this_thread::yield();
        }
        return x;
      },
      "x"_a, "loc"_a.OutFile());
  auto other = cache_.Memoize(
      "other", [](const fs::path& loc) { WriteFile(loc, "other"); }, "loc"_a.OutFile());
  f(2, At("b"));
  fs::create_directory(At("d"));
  {
    const std::jthread computes([&] { f(1, At("a")); });
    is_written.get_future().wait();
    const std::jthread hits([&] { f(2, At("d") / ".." / "a"); });
    const std::jthread is_another_function([&] { other(At("a")); });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    goes_on = true;
  }
  f(1, At("c"));
  EXPECT_EQ(ReadFile(At("c")), "1");
  f(2, At("c"));
  EXPECT_EQ(ReadFile(At("c")), "2");
}

// The process that holds the path needs the key that the other one might hold while it waits.
TEST_P(OutFilesTest, ProcessesDoNotWaitForPathsAndKeysInACircle) {
  if (std::get<1>(GetParam()) == Storage::kMemory) GTEST_SKIP() << "is for one process";
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const auto run = [&](bool is_outer) {
    std::function<void(int, const fs::path&)> call;
    auto f = cache_.Memoize(
        {.name = "f", .out_files = How()},
        [&](int x, const fs::path& loc) {
          WriteFile(loc, std::to_string(x));
          if (x != 1) return;
          EXPECT_EQ(write(ends[1], "", 1), 1);  // the other one may begin
          std::this_thread::sleep_for(std::chrono::milliseconds(50));
          call(2, At("b"));
        },
        "x"_a, "loc"_a.OutFile());
    call = [&](int x, const fs::path& loc) { f(x, loc); };
    char byte;
    if (!is_outer) {
      EXPECT_EQ(read(ends[0], &byte, 1), 1);
    }
    f(is_outer ? 1 : 2, At("a"));
    SyncAll();
    return 0;
  };
  const pid_t outer = StartProcess([&] { return run(true); });
  const pid_t other = StartProcess([&] { return run(false); });
  EXPECT_EQ(WaitForProcess(outer), 0);
  EXPECT_EQ(WaitForProcess(other), 0);
  EXPECT_EQ(ReadFile(At("a")), "2");
  EXPECT_EQ(ReadFile(At("b")), "2");
}

TEST_P(OutFilesTest, ALinkToNothingIsFollowed) {
  auto f = Product();
  fs::create_symlink("target", At("link"));
  f(1, "loc"_a = At("link"));
  EXPECT_EQ(ReadFile(At("target")), "2");
  f(1, "loc"_a = At("copy"));
  fs::remove(At("target"));
  f(1, "loc"_a = At("link"));
  EXPECT_TRUE(fs::is_symlink(At("link")));
  EXPECT_EQ(ReadFile(At("target")), "2");
  EXPECT_EQ(computed_, 1);
}

TEST_P(OutFilesTest, AnAuditDoesNotOverwriteTheOnlyCopy) {
  bool fails = false;
  auto f = cache_.Memoize(
      {.name = "f",
       .audit = 1,
       .out_files = How(),
       .on_failure = [this](const Failure& failure) { failures_.emplace_back(failure.message); }},
      [&](int x, const fs::path& loc) {
        WriteFile(loc, fails ? "half" : "whole");
        if (fails) throw std::runtime_error("stopped");
        return x;
      },
      "x"_a, "loc"_a.OutFile());
  f(1, At("a"));
  fails = true;
  EXPECT_EQ(f(1, At("a")), 1);
  EXPECT_EQ(ReadFile(At("a")), "whole");
}

TEST_P(OutFilesTest, AnEmptyPathIsAFailureOfTheCacheOnly) {
  auto f = cache_.Memoize(
      {.name = "f",
       .out_files = How(),
       .on_failure = [this](const Failure& failure) { failures_.emplace_back(failure.message); }},
      [](int x, const std::string&) { return x; }, "x"_a, "loc"_a.OutFile());
  EXPECT_EQ(f(1, ""), 1);
  EXPECT_EQ(f(1, outputs_.path()), 1);
  EXPECT_EQ(f.Key(1, ""), R"({"x": 1})");
  EXPECT_EQ(f.Size(), 0);
}

TEST_P(OutFilesTest, AnExplanationKnowsOfFilesThatAreGone) {
  auto f = Product();
  f(1, "loc"_a = At("a"));
  EXPECT_TRUE(f.Explain(1, "loc"_a = At("b")).hit);
  fs::remove(At("a"));
  EXPECT_EQ(f.Explain(1, "loc"_a = At("b")).hit, How() == OutFiles::kCopies);
}

TEST_P(OutFilesTest, OldResultsAreUpgradedAndKeepTheirFiles) {
  const auto write = [](int x, const fs::path& loc) { WriteFile(loc, std::to_string(x)); };
  cache_.Memoize(
      {.name = "f", .out_files = How()},
      [&](int x, const fs::path& loc) {
        write(x, loc);
        return x;
      },
      "x"_a, "loc"_a.OutFile())(1, At("a"));
  auto f =
      cache_
          .Memoize(
              {.name = "f",
               .audit = 1,
               .out_files = How(),
               .on_failure =
                   [this](const Failure& failure) { failures_.emplace_back(failure.message); }},
              [&](int x, const fs::path& loc) {
                write(x, loc);
                return std::to_string(x);
              },
              "x"_a, "loc"_a.OutFile())
          .UpgradeFrom<int>([](int old) { return std::to_string(old); });
  EXPECT_EQ(f(1, At("b")), "1");
  EXPECT_EQ(ReadFile(At("b")), "1");
  chmod(At("b").c_str(), 0600);  // is not what an audit looks at
  EXPECT_EQ(f(1, At("b")), "1");
  EXPECT_THAT(failures_, IsEmpty());
  EXPECT_EQ(f.Stats().hits, 2);
}

TEST_P(OutFilesTest, AnotherProcessRestoresThem) {
  if (std::get<1>(GetParam()) == Storage::kMemory) GTEST_SKIP() << "is for one process";
  EXPECT_EQ(RunProcesses(1, [&](int) { return Product()(123, "loc"_a = At("a")).size() - 2; }), 0);
  auto f = Product();
  f(123, "loc"_a = At("b"));
  EXPECT_EQ(ReadFile(At("b")), "246");
  EXPECT_EQ(computed_, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Stores, OutFilesTest,
    ::testing::Combine(::testing::Values(OutFiles::kCopies, OutFiles::kEarlierPaths),
                       ::testing::Values(Storage::kDisk, Storage::kFiles, Storage::kMemory)));

}  // namespace
}  // namespace permacache::testing
