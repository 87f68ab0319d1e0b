#include "permacache/memoize/file_contents.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "permacache/memoize/failure_reporter.h"
#include "permacache/memoize/memoize.h"
#include "permacache/storage/lazy_store.h"
#include "permacache/storage/storage.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::memoize {
namespace {

using namespace permacache::literals;
using ::testing::HasSubstr;

// Ten seconds from now, when what was just written has settled.
int64_t Later() { return FileContents::RealTime() + int64_t{10'000'000'000}; }

void Write(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

std::string Read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

hash::ContentDigest DigestOf(const std::string& content) {
  return hash::DigestOfContent(std::as_bytes(std::span(content)));
}

class FileContentsTest : public ::testing::Test {
 protected:
  // Another object, as of another process, that remembers the same.
  std::unique_ptr<FileContents> Open(FileContents::Clock clock) {
    return std::make_unique<FileContents>(
        std::make_unique<FunctionCache>(
            "files",
            std::make_unique<storage::LazyStore>(
                [this]() -> absl::StatusOr<std::shared_ptr<storage::Store>> { return store_; }),
            std::make_shared<FailureReporter>(
                "files", [](const Failure& failure) { ADD_FAILURE() << failure.message; })),
        clock);
  }

  std::shared_ptr<storage::Store> store_ = std::make_shared<storage::MemoryStore>();
  testing::TemporaryDirectory directory_;
  const std::filesystem::path path_ = directory_.path() / "input";
};

TEST_F(FileContentsTest, AreTheDigestOfTheContentAndItsSize) {
  Write(path_, "content");
  const auto content = Open(FileContents::RealTime)->Of(path_);
  ASSERT_TRUE(content.ok()) << content.status();
  EXPECT_EQ(content->digest, DigestOf("content"));
  EXPECT_EQ(content->identity.size, 7u);
}

TEST_F(FileContentsTest, OfASettledFileAreReadOnce) {
  Write(path_, "content");
  const auto first = Open(Later);
  ASSERT_TRUE(first->Of(path_).ok());
  EXPECT_EQ(first->reads(), 1);
  const auto second = Open(Later);
  const auto content = second->Of(path_);
  ASSERT_TRUE(content.ok());
  EXPECT_EQ(content->digest, DigestOf("content"));
  EXPECT_EQ(second->reads(), 0);
  EXPECT_TRUE(second->IsUnchanged(*content));
  EXPECT_EQ(second->reads(), 0);
}

TEST_F(FileContentsTest, OfAFileThatWasJustWrittenAreReadEachTime) {
  Write(path_, "content");
  const auto contents = Open(FileContents::RealTime);
  const auto content = contents->Of(path_);
  ASSERT_TRUE(content.ok());
  EXPECT_FALSE(content->settled);
  ASSERT_TRUE(contents->Of(path_).ok());
  EXPECT_EQ(contents->reads(), 2);
  EXPECT_TRUE(contents->IsUnchanged(*content));
  EXPECT_EQ(contents->reads(), 3);
  EXPECT_EQ(*store_->Size(), 0);
}

TEST_F(FileContentsTest, OfAnyNameOfTheFileAreRememberedTogether) {
  Write(path_, "content");
  const auto contents = Open(Later);
  ASSERT_TRUE(contents->Of(path_).ok());
  const std::filesystem::path link = directory_.path() / "link";
  std::filesystem::create_symlink(path_, link);
  ASSERT_TRUE(contents->Of(link).ok());
  EXPECT_EQ(contents->reads(), 1);
}

TEST_F(FileContentsTest, AreReadAgainAfterEachKindOfChange) {
  Write(path_, "content");
  const auto contents = Open(Later);
  ASSERT_TRUE(contents->Of(path_).ok());

  Write(path_, "another");  // of the same size
  auto content = contents->Of(path_);
  ASSERT_TRUE(content.ok());
  EXPECT_EQ(content->digest, DigestOf("another"));

  // With the time of before, as `cp -p` and `tar` set it.
  const std::filesystem::file_time_type time = std::filesystem::last_write_time(path_);
  Write(path_, "a third");
  std::filesystem::last_write_time(path_, time);
  content = contents->Of(path_);
  ASSERT_TRUE(content.ok());
  EXPECT_EQ(content->digest, DigestOf("a third"));

  // By a file of the same size and time in its place.
  Write(directory_.path() / "other", "a fifth");
  std::filesystem::last_write_time(directory_.path() / "other", time);
  std::filesystem::rename(directory_.path() / "other", path_);
  content = contents->Of(path_);
  ASSERT_TRUE(content.ok());
  EXPECT_EQ(content->digest, DigestOf("a fifth"));
  EXPECT_EQ(contents->reads(), 4);
}

TEST_F(FileContentsTest, OfAChangedFileReplaceWhatIsRemembered) {
  const auto contents = Open(Later);
  for (int i = 0; i < 10; ++i) {
    Write(path_, std::to_string(i));
    ASSERT_TRUE(contents->Of(path_).ok());
  }
  EXPECT_EQ(*store_->Size(), 1);
}

TEST_F(FileContentsTest, NoticeThatTheFileChangedOrWent) {
  Write(path_, "content");
  const auto contents = Open(Later);
  const auto content = contents->Of(path_);
  ASSERT_TRUE(content.ok());
  Write(path_, "another");
  EXPECT_FALSE(contents->IsUnchanged(*content));
  std::filesystem::remove(path_);
  EXPECT_FALSE(contents->IsUnchanged(*content));
}

TEST_F(FileContentsTest, OfWhatCannotBeReadAreAnErrorThatNamesIt) {
  const auto contents = Open(Later);
  const auto missing = contents->Of(path_);
  EXPECT_TRUE(absl::IsNotFound(missing.status())) << missing.status();
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr(path_.string()));
  EXPECT_TRUE(absl::IsInvalidArgument(contents->Of(directory_.path()).status()));
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);  // does not wait for a writer
  EXPECT_TRUE(absl::IsInvalidArgument(contents->Of(path_).status()));
}

// The parameter FileContents().
class FileContentsParameterTest : public ::testing::Test {
 protected:
  auto Count() {
    return cache_.Memoize(
        {.name = "count", .on_failure = [this](const Failure& f) { failures_.push_back(f); }},
        [this](const std::filesystem::path& path) {
          ++computed_;
          if (while_computing_) while_computing_();
          return Read(path);
        },
        "path"_a.FileContents());
  }

  testing::TemporaryDirectory directory_;
  const std::filesystem::path path_ = directory_.path() / "input";
  Cache cache_{{.directory = directory_.path() / "cache"}};
  std::vector<Failure> failures_;
  std::function<void()> while_computing_;
  int computed_ = 0;
};

TEST_F(FileContentsParameterTest, TheContentIsTheKeyAndNotTheName) {
  Write(path_, "content");
  Write(directory_.path() / "copy", "content");
  auto count = Count();
  EXPECT_EQ(count(path_), "content");
  EXPECT_EQ(count(directory_.path() / "copy"), "content");
  EXPECT_EQ(computed_, 1);
  EXPECT_EQ(count.Key(path_),
            R"({"path": {".type": "file", "blake3": )"
            R"("3fba5250be9ac259c56e7250c526bc83bacb4be825f2799d3d59e5b4878dd74e", "size": 7}})");
  EXPECT_TRUE(count.Contains(path_));
  EXPECT_TRUE(failures_.empty());
}

// Within one tick of the clock, with the size and the inode as before, and the time set back.
TEST_F(FileContentsParameterTest, AFileThatIsRewrittenAtOnceIsNotMistakenForTheOldOne) {
  auto count = Count();
  Write(path_, "0000");
  const std::filesystem::file_time_type time = std::filesystem::last_write_time(path_);
  for (int i = 1000; i < 1500; ++i) {
    Write(path_, std::to_string(i));
    std::filesystem::last_write_time(path_, time);
    ASSERT_EQ(count(path_), std::to_string(i));
  }
  EXPECT_EQ(computed_, 500);
}

TEST_F(FileContentsParameterTest, ARangeOfPathsIsTheListOfTheirContents) {
  Write(path_, "content");
  const std::filesystem::path other = directory_.path() / "other";
  Write(other, "other");
  auto total = cache_.Memoize(
      "total",
      [&](const std::vector<std::string>& paths) {
        ++computed_;
        return static_cast<int>(paths.size());
      },
      "paths"_a.FileContents());
  EXPECT_EQ(total({path_, other}), 2);
  EXPECT_EQ(total({path_, other}), 2);
  EXPECT_EQ(computed_, 1);
  EXPECT_EQ(total({other, path_}), 2);
  EXPECT_EQ(computed_, 2);
  Write(other, "changed");
  EXPECT_EQ(total({path_, other}), 2);
  EXPECT_EQ(computed_, 3);
  EXPECT_EQ(total({}), 0);
}

TEST_F(FileContentsParameterTest, AnOptionalPathMayBeMissing) {
  Write(path_, "content");
  auto size = cache_.Memoize(
      "size",
      [&](const std::optional<std::string>& path) {
        return ++computed_, path ? Read(*path).size() : 0;
      },
      "path"_a.FileContents());
  EXPECT_EQ(size.Key(std::nullopt), R"({"path": null})");
  EXPECT_EQ(size(std::nullopt), 0u);
  EXPECT_EQ(size(path_.string()), 7u);
  EXPECT_EQ(size(path_.string()), 7u);
  EXPECT_EQ(computed_, 2);
}

TEST_F(FileContentsParameterTest, AFunctionMayChangeTheDirectory) {
  Write(path_, "content");
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(directory_.path());
  while_computing_ = [] { std::filesystem::current_path("/"); };
  auto count = Count();
  count("input");
  std::filesystem::current_path(before);
  EXPECT_TRUE(failures_.empty());
  EXPECT_EQ(count.Size(), 1);
}

TEST_F(FileContentsParameterTest, AResultOfAFileThatChangedMeanwhileIsNotStored) {
  Write(path_, "content");
  while_computing_ = [&] { Write(path_, "another"); };
  auto count = Count();
  EXPECT_EQ(count(path_), "another");
  EXPECT_EQ(count.Size(), 0);
  EXPECT_EQ(count.Stats().failures, 1);
  ASSERT_EQ(failures_.size(), 1u);
  EXPECT_THAT(failures_[0].message, HasSubstr("changed while the function ran"));

  while_computing_ = nullptr;
  EXPECT_EQ(count(path_), "another");
  EXPECT_EQ(count.Size(), 1);
}

TEST_F(FileContentsParameterTest, AFileThatCannotBeReadMeansACallWithoutTheCache) {
  auto count = Count();
  EXPECT_EQ(count(path_), "");
  EXPECT_EQ(count(path_), "");
  EXPECT_EQ(computed_, 2);
  EXPECT_EQ(count.Stats().misses, 2);
  EXPECT_EQ(count.Stats().failures, 2);
  ASSERT_EQ(failures_.size(), 1u);  // once of a kind
  EXPECT_THAT(failures_[0].message, HasSubstr("is part of the key, but cannot be read"));
  EXPECT_FALSE(count.Contains(path_));
  EXPECT_EQ(count.Lookup(path_), std::nullopt);
  EXPECT_THROW(count.Key(path_), Error);
  EXPECT_THROW(count.Forget(path_), Error);
  EXPECT_EQ(count.Size(), 0);
}

TEST_F(FileContentsParameterTest, WorksInMemoryToo) {
  Write(path_, "content");
  const Cache memory({.storage = Storage::kMemory});
  auto count = memory.Memoize(
      "count", [&](const std::string& path) { return ++computed_, Read(path); },
      "path"_a.FileContents());
  EXPECT_EQ(count(path_.string()), "content");
  EXPECT_EQ(count(path_.string()), "content");
  EXPECT_EQ(computed_, 1);
}

TEST_F(FileContentsParameterTest, NoFunctionCanHaveTheNameOfWhatIsRemembered) {
  EXPECT_THROW(static_cast<void>(cache_.Memoize(".file_contents", [](int x) { return x; })), Error);
}

}  // namespace
}  // namespace permacache::memoize
