#include "permacache/testing/crashed_directory.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "permacache/testing/random.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

namespace fs = std::filesystem;

using enum FileEvent::Kind;
using Events = std::vector<FileEvent>;
using Tree = std::map<std::string, std::string>;

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

// The contents of files by their paths; a directory has the content "/".
Tree TreeOf(const fs::path& root) {
  Tree tree;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    std::string content = "/";
    if (!entry.is_directory()) {
      std::ifstream stream(entry.path(), std::ios::binary);
      content.assign(std::istreambuf_iterator<char>(stream), {});
    }
    tree[fs::relative(entry.path(), root)] = content;
  }
  return tree;
}

std::mt19937_64& Random() {
  static std::mt19937_64 random = SeededRandom();
  return random;
}

Tree AfterCrash(const Events& events, size_t crash, Unsynced unsynced) {
  const TemporaryDirectory directory;
  RestoreAfterCrash(events, crash, unsynced, Random(), directory.path());
  return TreeOf(directory.path());
}

// All that chance makes of it: what it makes of it less often than once in thirty times is missed
// once in 10^8.
std::set<Tree> TreesAfterCrash(const Events& events, size_t crash) {
  std::set<Tree> trees;
  for (int i = 0; i < 600; ++i) trees.insert(AfterCrash(events, crash, Unsynced::kMixed));
  return trees;
}

FileEvent Create(int file, const char* path) {
  return {.kind = kCreate, .file = file, .path = path};
}
FileEvent Write(int file, uint64_t offset, std::string bytes, bool is_synced = false) {
  return {.kind = kWrite,
          .file = file,
          .offset = offset,
          .bytes = std::move(bytes),
          .is_synced = is_synced};
}
FileEvent Rename(int file, const char* path, const char* new_path) {
  return {.kind = kRename, .file = file, .path = path, .new_path = new_path};
}
FileEvent Remove(int file, const char* path) {
  return {.kind = kRemove, .file = file, .path = path};
}
FileEvent MakeDirectory(const char* path) { return {.kind = kMakeDirectory, .path = path}; }
FileEvent SyncFile(int file, const char* path) {
  return {.kind = kSync, .file = file, .path = path};
}
FileEvent SyncDirectory(const char* path) { return {.kind = kSync, .path = path}; }

TEST(CrashedDirectory, HasNothingThatWasNotSyncedIfThatIsLostAndAllIfItIsKept) {
  const Events events = {Create(1, "a"),   Write(1, 0, "1"), SyncFile(1, "a"),
                         Write(1, 1, "2"), Create(2, "b"),   Write(2, 0, "3")};
  EXPECT_THAT(AfterCrash(events, 6, Unsynced::kLost), ElementsAre(Pair("a", "1")));
  EXPECT_THAT(AfterCrash(events, 6, Unsynced::kKept), ElementsAre(Pair("a", "12"), Pair("b", "3")));
  EXPECT_THAT(
      TreesAfterCrash(events, 6),
      ElementsAre(Tree{{"a", "1"}}, Tree{{"a", "1"}, {"b", ""}}, Tree{{"a", "1"}, {"b", "3"}},
                  Tree{{"a", "12"}}, Tree{{"a", "12"}, {"b", ""}}, Tree{{"a", "12"}, {"b", "3"}}));
}

TEST(CrashedDirectory, HasOnlyWhatWasBegunBeforeTheCrash) {
  const Events events = {Create(1, "a"), Write(1, 0, "1"), SyncFile(1, "a"), Write(1, 1, "2"),
                         SyncFile(1, "a")};
  EXPECT_THAT(AfterCrash(events, 0, Unsynced::kLost), IsEmpty());
  EXPECT_THAT(AfterCrash(events, 2, Unsynced::kLost), IsEmpty());  // the sync does not return
  EXPECT_THAT(AfterCrash(events, 3, Unsynced::kLost), ElementsAre(Pair("a", "1")));
  EXPECT_THAT(AfterCrash(events, 2, Unsynced::kKept), ElementsAre(Pair("a", "1")));
  EXPECT_THAT(AfterCrash(events, 5, Unsynced::kLost), ElementsAre(Pair("a", "12")));
}

TEST(CrashedDirectory, HasWritesThatSyncThemselvesWithoutThoseBefore) {
  const Events events = {Create(1, "a"), SyncFile(1, "a"), Write(1, 0, "1"),
                         Write(1, 1, "2", true)};
  EXPECT_THAT(AfterCrash(events, 4, Unsynced::kLost),
              ElementsAre(Pair("a", std::string("\0002", 2))));
  EXPECT_THAT(AfterCrash(events, 3, Unsynced::kLost), ElementsAre(Pair("a", "")));
}

TEST(CrashedDirectory, HasAnySectorsOfAWriteAndEachAsAWhole) {
  const Events events = {Create(1, "a"), Write(1, 0, std::string(2000, '.')), SyncFile(1, "a"),
                         Write(1, 500, std::string(1000, 'x'))};
  std::set<std::string> contents;
  for (const Tree& tree : TreesAfterCrash(events, 4)) contents.insert(tree.at("a"));
  // It touches three sectors, of which two only in part.
  std::set<std::string> expected;
  for (int kept = 0; kept < 8; ++kept) {
    std::string content(2000, '.');
    if (kept & 1) content.replace(500, 12, 12, 'x');
    if (kept & 2) content.replace(512, 512, 512, 'x');
    if (kept & 4) content.replace(1024, 476, 476, 'x');
    expected.insert(content);
  }
  EXPECT_EQ(contents, expected);
}

TEST(CrashedDirectory, HasNamesOnceTheirDirectoryIsSynced) {
  Events events = {Create(1, "a"),      SyncFile(1, "a"), Create(2, "b"),     SyncFile(2, "b"),
                   Rename(2, "b", "a"), Create(3, "c"),   SyncDirectory("d"), Remove(3, "c")};
  EXPECT_THAT(TreesAfterCrash(events, events.size()),
              ElementsAre(Tree{{"a", ""}}, Tree{{"a", ""}, {"b", ""}},
                          Tree{{"a", ""}, {"b", ""}, {"c", ""}}, Tree{{"a", ""}, {"c", ""}}));
  events.push_back(SyncDirectory(""));
  EXPECT_THAT(TreesAfterCrash(events, events.size()), ElementsAre(Tree{{"a", ""}}));
}

TEST(CrashedDirectory, HasAReplacedFileWholeOrTheOneInItsPlace) {
  const Events events = {Create(1, "a"),     Write(1, 0, "old"), SyncFile(1, "a"),   Create(2, "b"),
                         Write(2, 0, "new"), SyncFile(2, "b"),   Rename(2, "b", "a")};
  EXPECT_THAT(TreesAfterCrash(events, 7),
              ElementsAre(Tree{{"a", "new"}}, Tree{{"a", "old"}, {"b", "new"}}));
}

TEST(CrashedDirectory, HasTheDirectoriesThatLeadToWhatIsSynced) {
  const Events events = {MakeDirectory("d"), MakeDirectory("d/e"), MakeDirectory("f"),
                         Create(1, "d/e/a")};
  const auto and_then = [&](const FileEvent& event) {
    Events more = events;
    more.push_back(event);
    return AfterCrash(more, more.size(), Unsynced::kLost);
  };
  EXPECT_THAT(and_then(SyncFile(1, "d/e/a")),
              ElementsAre(Pair("d", "/"), Pair("d/e", "/"), Pair("d/e/a", "")));
  EXPECT_THAT(and_then(SyncDirectory("d")), ElementsAre(Pair("d", "/"), Pair("d/e", "/")));
  EXPECT_THAT(and_then(SyncDirectory("")), ElementsAre(Pair("d", "/"), Pair("f", "/")));
}

TEST(CrashedDirectory, LacksWhatIsInADirectoryThatIsLost) {
  const Events events = {MakeDirectory("d"), Create(1, "d/a")};
  EXPECT_THAT(TreesAfterCrash(events, 2),
              ElementsAre(Tree{}, Tree{{"d", "/"}}, Tree{{"d", "/"}, {"d/a", ""}}));
}

TEST(CrashedDirectory, HasSizes) {
  const Events events = {Create(1, "a"),
                         Write(1, 0, "12345"),
                         SyncFile(1, "a"),
                         {.kind = kTruncate, .file = 1, .size = 2},
                         {.kind = kAllocate, .file = 1, .size = 4}};
  const std::string grown("12\0\0", 4);
  EXPECT_THAT(AfterCrash(events, 5, Unsynced::kKept), ElementsAre(Pair("a", grown)));
  EXPECT_THAT(TreesAfterCrash(events, 5),
              ElementsAre(Tree{{"a", "12"}}, Tree{{"a", grown}}, Tree{{"a", "12345"}}));
}

// What was recorded and is all kept is what there is.
TEST(CrashedDirectory, IsTheRecordedOneIfAllIsKept) {
  const TemporaryDirectory directory, restored;
  const ScopedRecording recording(directory.path());
  fs::create_directory(directory.path() / "d");
  const int fd = open((directory.path() / "d" / "a").c_str(), O_RDWR | O_CREAT, 0600);
  ASSERT_GE(fd, 0);
  for (int i = 0; i < 100; ++i) {
    const std::string bytes(Random()() % 3000, static_cast<char>('a' + i % 26));
    ASSERT_GE(pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(Random()() % 5000)), 0);
    ASSERT_TRUE(i % 10 != 0 || ftruncate(fd, static_cast<off_t>(Random()() % 5000)) == 0);
  }
  close(fd);
  fs::rename(directory.path() / "d" / "a", directory.path() / "b");
  fs::remove(directory.path() / "d");
  RestoreAfterCrash(recording.events(), recording.position(), Unsynced::kKept, Random(),
                    restored.path());
  EXPECT_EQ(TreeOf(restored.path()), TreeOf(directory.path()));
}

}  // namespace
}  // namespace permacache::testing
