// Files of today's version can be read for ever, by permacache and, as tar archives, by others.
#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "permacache/archive/archive.h"
#include "permacache/testing/temporary_directory.h"
#include "tests/archive/cache_content.h"

namespace permacache::archive {
namespace {

using ::permacache::testing::Contents;
using ::permacache::testing::ContentsOf;
using ::permacache::testing::Fill;
using ::permacache::testing::TemporaryDirectory;
using ::testing::ElementsAre;

constexpr const char* kGolden = "tests/archive/golden.permacache";

// What is in the golden file.
const Contents kContents = {
    {{"wing/lift", 3, false},
     {{"{\"x\": 1}", {.value = "one", .created = 1'700'000'000'123'456'789, .compute_time = 5}},
      {"{\"x\": 2}", {.value = std::string(1'000, 'z'), .format = storage::FileFormat::kZstd}}}},
    {{"wing/lift/.out_files", 3, false}, {{"copy", {.value = std::string("\0\xff", 2)}}}},
    {{"caf\xc3\xa9", 0, true},
     {{"{\"x\": 1}", {.value = "[1, 2]", .format = storage::FileFormat::kJson}}}}};

// The members that libarchive finds in it with no help of ours; indexes without their contents,
// which differ from one zstd to the next.
std::map<std::string, std::string> MembersOf(const std::filesystem::path& file) {
  std::map<std::string, std::string> members;
  const std::unique_ptr<struct ::archive, int (*)(struct ::archive*)> reader(archive_read_new(),
                                                                             archive_read_free);
  archive_read_support_filter_all(reader.get());
  archive_read_support_format_all(reader.get());
  EXPECT_EQ(archive_read_open_filename(reader.get(), file.c_str(), 10'240), ARCHIVE_OK);
  archive_entry* entry = nullptr;
  int outcome = ARCHIVE_OK;
  while ((outcome = archive_read_next_header(reader.get(), &entry)) == ARCHIVE_OK) {
    const std::string name = archive_entry_pathname(entry);
    std::string content(archive_entry_size(entry), '\0');
    EXPECT_EQ(archive_read_data(reader.get(), content.data(), content.size()),
              static_cast<la_ssize_t>(content.size()));
    members[name] = name.ends_with(".index") ? "" : content;
  }
  EXPECT_EQ(outcome, ARCHIVE_EOF);
  return members;
}

TEST(Golden, CanBeImported) {
  const TemporaryDirectory directory;
  const absl::StatusOr<ImportReport> report = Import(kGolden, directory.path());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->added, 4);
  EXPECT_TRUE(ContentsOf(directory.path()) == kContents);
}

TEST(Golden, CanBeAPack) {
  const auto pack = Pack::Open(kGolden).value();
  const Pack::Indexes* indexes = pack->Find("wing/lift", 3);
  ASSERT_NE(indexes, nullptr);
  const absl::StatusOr<bool> found =
      pack->Get(*indexes, "{\"x\": 1}", [](const storage::Record& record) {
        EXPECT_EQ(record.value, "one");
        EXPECT_EQ(record.created.time_since_epoch().count(), 1'700'000'000'123'456'789);
      });
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(*found);
}

// With PERMACACHE_GOLDEN=FILE in the environment the export is left there.
TEST(Golden, IsWhatExportWrites) {
  const TemporaryDirectory directory;
  Fill(directory.path() / "cache", kContents);
  const char* wanted = std::getenv("PERMACACHE_GOLDEN");
  const std::filesystem::path file = wanted == nullptr ? directory.path() / "file" : wanted;
  const auto report = Export(directory.path() / "cache", file, {.overwrite = true});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(MembersOf(file), MembersOf(kGolden));
}

TEST(Golden, IsATarArchiveForAnybody) {
  std::vector<std::string> names;
  for (const auto& [name, content] : MembersOf(kGolden)) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("permacache.txt", "results/caf%c3%a9/v0-files/00000001.records",
                                 "results/caf%c3%a9/v0-files/00000002.index",
                                 "results/wing/lift/.out_files/v3/00000006.records",
                                 "results/wing/lift/.out_files/v3/00000007.index",
                                 "results/wing/lift/v3/00000003.records",
                                 "results/wing/lift/v3/00000004.records",
                                 "results/wing/lift/v3/00000005.index"));
}

}  // namespace
}  // namespace permacache::archive
