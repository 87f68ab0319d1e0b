// The command on caches that real functions have made.
#include "tests/cli/command.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "permacache/memoize/memoize.h"
#include "permacache/storage/storage.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

namespace fs = std::filesystem;
using namespace permacache::literals;
using nlohmann::json;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

int computed = 0;

struct Wing {
  std::string label;
  double span = 30;
};

std::string Lift(int alpha, const Wing& wing) {
  ++computed;
  return wing.label + std::string(alpha, '+');
}

std::string Letters(int count) { return std::string(count, 'x'); }

void Draw(int size, const fs::path& path) {
  ++computed;
  std::ofstream(path) << std::string(size, '#');
}

std::set<std::string> FilesIn(const fs::path& folder) {
  std::set<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) files.insert(entry.path());
  return files;
}

std::vector<std::string> Split(const std::string& text) {
  std::istringstream lines(text);
  std::vector<std::string> all;
  for (std::string line; std::getline(lines, line);) all.push_back(line);
  return all;
}

class CommandTest : public ::testing::TestWithParam<Storage> {
 protected:
  CommandTest() : cache_({.directory = directory_.path() / "cache", .storage = GetParam()}) {
    computed = 0;
  }

  auto LiftIn(const Cache& cache, uint32_t version = 0) const {
    return cache.Memoize({.name = "wing/lift", .version = version, .encoding = Encoding::kJson},
                         Lift, "alpha"_a, "wing"_a);
  }
  auto LettersIn(const Cache& cache) const { return cache.Memoize("letters", Letters, "count"_a); }

  // Eight results of wing/lift, of version 1 two more, and of letters three.
  void Fill() const {
    for (int alpha = 0; alpha < 8; ++alpha) LiftIn(cache_)(alpha, {alpha < 4 ? "low" : "high"});
    for (int alpha = 0; alpha < 2; ++alpha) LiftIn(cache_, 1)(alpha, {"low"});
    for (int count : {10, 1000, 100'000}) LettersIn(cache_)(count);
    LettersIn(cache_)(10);
    CloseAll();
  }

  const fs::path& path() const { return cache_.directory(); }

  Outcome Run(const std::vector<std::string>& arguments) const {
    return RunCommand(path(), arguments);
  }

  json RunJson(std::vector<std::string> arguments) const {
    arguments.push_back("--json");
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return json::parse(outcome.out);
  }

  std::vector<std::string> KeysWhere(const std::string& where) const {
    std::vector<std::string> keys;
    const json listed = RunJson({"ls", "wing/lift", "--where", where});
    for (const json& entry : listed["entries"]) {
      keys.push_back(entry["key"]);
    }
    return keys;
  }

  // Damages the middle of some file.
  static void Damage(const fs::path& file) {
    std::fstream(file, std::ios::in | std::ios::out | std::ios::binary)
            .seekp(static_cast<std::streamoff>(fs::file_size(file) / 2))
        << "damage";
  }

  // A file that holds the value of a large result alone, or with its record.
  fs::path FileOfLargest() const {
    const fs::path folder = path() / "letters" / (GetParam() == Storage::kFiles ? "v0" : ".values");
    fs::path largest;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (largest.empty() || entry.file_size() > fs::file_size(largest)) largest = entry.path();
    }
    return largest;
  }

  const TemporaryDirectory directory_{ParentInMemory()};
  const Cache cache_;
};

INSTANTIATE_TEST_SUITE_P(Storages, CommandTest, ::testing::Values(Storage::kDisk, Storage::kFiles),
                         [](const auto& info) {
                           return info.param == Storage::kDisk ? "Disk" : "Files";
                         });

TEST_P(CommandTest, LsShowsWhatFunctionsHoldAndSave) {
  Fill();
  const json functions = RunJson({"ls"})["functions"];
  ASSERT_EQ(functions.size(), 2u);
  EXPECT_EQ(functions[0]["function"], "letters");
  EXPECT_EQ(functions[0]["entries"], 3);
  EXPECT_GT(functions[0]["bytes"], 101'010);
  EXPECT_EQ(functions[1]["function"], "wing/lift");
  EXPECT_EQ(functions[1]["entries"], 10);
  EXPECT_EQ(functions[1]["versions"], json({0, 1}));
  if (GetParam() == Storage::kDisk) {
    EXPECT_EQ(functions[0]["hits"], 1);
    EXPECT_EQ(functions[0]["misses"], 3);
  } else {
    EXPECT_EQ(functions[0]["hits"], nullptr);
  }
  const std::vector<std::string> lines = Split(Run({"ls", "--sort=entries"}).out);
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_THAT(lines[0], StartsWith("FUNCTION "));
  EXPECT_THAT(lines[1], StartsWith("wing/lift "));
  EXPECT_THAT(lines[3], StartsWith("2 functions, 13 entries, 10"));
}

TEST_P(CommandTest, LsOfAFunctionShowsTheKeysThatWhereSelects) {
  Fill();
  EXPECT_EQ(RunJson({"ls", "wing/lift"})["entries"].size(), 10u);
  EXPECT_EQ(RunJson({"ls", "wing/lift", "--version=1"})["entries"].size(), 2u);
  EXPECT_EQ(RunJson({"ls", "wing/lift", "--limit=3"})["entries"].size(), 3u);
  EXPECT_THAT(KeysWhere("alpha >= 6 && wing.label ~ 'igh'"),
              UnorderedElementsAre(LiftIn(cache_).Key(6, Wing{"high"}),
                                   LiftIn(cache_).Key(7, Wing{"high"})));
  EXPECT_THAT(KeysWhere("wing.label == 'none'"), IsEmpty());
  const json sorted = RunJson({"ls", "letters", "--sort=size", "--limit=2"})["entries"];
  ASSERT_EQ(sorted.size(), 2u);
  EXPECT_EQ(sorted[0]["key"], R"({"count": 100000})");
  EXPECT_EQ(sorted[1]["key"], R"({"count": 1000})");
  EXPECT_THAT(Run({"ls", "wing/lift", "--sort=key"}).out, HasSubstr(R"({"alpha": 0, "wing": )"));
}

TEST_P(CommandTest, GetShowsValuesAsTheyAreEncoded) {
  Fill();
  const std::string key = LiftIn(cache_).Key(5, Wing{"high"});
  json record = RunJson({"get", "wing/lift", key})["records"].at(0);
  EXPECT_EQ(record["key"], key);
  EXPECT_EQ(record["encoding"], "json");
  EXPECT_EQ(record["type"], "text1");
  EXPECT_EQ(record["value"], "high+++++");
  EXPECT_EQ(record["value_base64"], nullptr);
  EXPECT_EQ(RunJson({"get", "wing/lift", "--where=alpha < 2"})["records"].size(), 4u);

  record = RunJson({"get", "letters", R"({"count": 1000})"})["records"].at(0);
  EXPECT_EQ(record["encoding"], "binary");
  EXPECT_EQ(record["value_bytes"], 1016);
  EXPECT_EQ(record["is_cut"], true);
  EXPECT_EQ(std::string(record["value_base64"]).size(), (256 + 2) / 3 * 4);
  record = RunJson({"get", "letters", R"({"count": 1000})", "--full"})["records"].at(0);
  EXPECT_EQ(record["is_cut"], false);
  EXPECT_EQ(std::string(record["value_base64"]).size(), (1016 + 2) / 3 * 4);

  const fs::path file = directory_.path() / "value";
  EXPECT_EQ(Run({"get", "letters", R"({"count": 1000})", "--output", file}).exit_code, 0);
  EXPECT_EQ(ReadFile(file).substr(16), std::string(1000, 'x'));
  EXPECT_EQ(Run({"get", "letters", R"({"count": 1000})", "--output=-"}).out, ReadFile(file));
  EXPECT_THAT(Run({"get", "letters", R"({"count": 10})"}).out, HasSubstr("  xxxxxxxxxx"));
}

TEST_P(CommandTest, GetOfWhatIsNotThereSaysWhatToDo) {
  Fill();
  for (const char* key : {R"({"count":10})", R"({"count": 11})"}) {
    const Outcome outcome = Run({"get", "letters", key});
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.err, HasSubstr("there is no such entry"));
  }
}

TEST_P(CommandTest, RmRemovesWhatIsSelectedAndNothingElse) {
  Fill();
  EXPECT_THAT(Run({"rm", "wing/lift", "--where=alpha < 2", "--dry-run"}).out,
              StartsWith("would remove 4 entries, "));
  EXPECT_EQ(RunJson({"count", "wing/lift"})["entries"], 10);
  EXPECT_EQ(RunJson({"rm", "wing/lift", "--where=alpha < 2", "--version=1"})["removed_entries"], 2);
  EXPECT_THAT(Run({"rm", "wing/lift", LiftIn(cache_).Key(7, Wing{"high"})}).out,
              StartsWith("removed 1 entry, "));
  EXPECT_EQ(RunJson({"count", "wing/lift"})["entries"], 7);
  EXPECT_EQ(RunJson({"count"})["entries"], 10);
  EXPECT_EQ(Run({"rm", "wing/lift", "--where=alpha > 100"}).exit_code, 1);
  computed = 0;
  for (int alpha = 0; alpha < 8; ++alpha) LiftIn(cache_)(alpha, {alpha < 4 ? "low" : "high"});
  EXPECT_EQ(computed, 1);
}

TEST_P(CommandTest, RmAndClearRemoveTheFilesThatCallsWrote) {
  auto draw = cache_.Memoize("draw", Draw, "size"_a, "path"_a.OutFile());
  const fs::path picture = directory_.path() / "picture";
  for (int size : {1, 2, 3}) draw(size, picture);
  CloseAll();
  EXPECT_EQ(RunJson({"count", "draw/.out_files"})["entries"], 3);
  EXPECT_EQ(RunJson({"rm", "draw", "--where=size == 2"})["removed_entries"], 2);
  EXPECT_EQ(RunJson({"count", "draw/.out_files"})["entries"], 2);
  computed = 0;
  for (int size : {1, 2, 3}) draw(size, picture);
  EXPECT_EQ(computed, 1);
  CloseAll();
  EXPECT_EQ(RunJson({"clear", "draw"})["removed_entries"], 6);
  EXPECT_EQ(RunJson({"count"})["entries"], 0);
}

TEST_P(CommandTest, ClearRemovesAFunctionOrAVersionOrAll) {
  Fill();
  EXPECT_EQ(RunJson({"clear", "wing/lift", "--dry-run"})["removed_entries"], 10);
  EXPECT_EQ(RunJson({"clear", "wing/lift", "--version=1"})["removed_entries"], 2);
  EXPECT_EQ(RunJson({"count"})["entries"], 11);
  EXPECT_EQ(Run({"clear"}).exit_code, 2);
  EXPECT_EQ(RunJson({"clear", "--all"})["removed_entries"], 11);
  EXPECT_EQ(RunJson({"count"})["entries"], 0);
}

TEST_P(CommandTest, StatsAddUp) {
  Fill();
  const json stats = RunJson({"stats", "--top=2"});
  EXPECT_EQ(stats["functions"], 2);
  EXPECT_EQ(stats["entries"], 13);
  EXPECT_EQ(stats["largest"].size(), 2u);
  EXPECT_EQ(stats["largest"][0]["key"], R"({"count": 100000})");
  EXPECT_EQ(stats["costliest"].size(), 2u);
  if (GetParam() == Storage::kDisk) {
    EXPECT_EQ(stats["hit_rate"], 0.071429);  // 1 of 14
  }
}

TEST_P(CommandTest, PruneFollowsItsLimits) {
  Fill();
  EXPECT_EQ(Run({"prune"}).exit_code, 2);
  EXPECT_EQ(RunJson({"prune", "--max-size=1G", "--unused-for=1d"})["removed_entries"], 0);
  EXPECT_EQ(RunJson({"prune", "--max-size=0", "--dry-run"})["removed_entries"], 13);
  json report = RunJson({"prune", "wing/lift", "--version-below=1"});
  EXPECT_EQ(report["removed_entries"], 8);
  EXPECT_EQ(report["kept_entries"], 2);
  report = RunJson({"prune", "letters", "--max-size=50k"});
  EXPECT_EQ(report["kept_entries"], 2);
  EXPECT_EQ(RunJson({"count"})["entries"], 4);
  EXPECT_EQ(RunJson({"prune", "--older-than=0s"})["removed_entries"], 4);
}

TEST_P(CommandTest, CompactGivesTheDiskBack) {
  for (int i = 0; i < 100; ++i) LettersIn(cache_)(50'000 + i);
  CloseAll();
  EXPECT_EQ(RunJson({"clear", "letters"})["removed_entries"], 100);
  const json functions = RunJson({"compact"})["functions"];
  if (GetParam() == Storage::kFiles) {
    EXPECT_THAT(functions, IsEmpty());
  } else {
    EXPECT_GT(functions[0]["bytes_before"], 5'000'000);
    EXPECT_LT(functions[0]["bytes_after"], 50'000);
  }
}

TEST_P(CommandTest, VerifyFindsDamageAndRepairRemovesIt) {
  Fill();
  LettersIn(cache_)(8'000'000);  // in a file of its own
  CloseAll();
  EXPECT_THAT(Run({"verify"}).out, HasSubstr("14 entries, 8.1 MB: sound"));
  Damage(FileOfLargest());
  Outcome outcome = Run({"verify"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("1 damaged"));
  EXPECT_THAT(outcome.err, HasSubstr("permacache verify --repair removes what is damaged"));
  outcome = Run({"verify", "--repair"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("1 damaged, 1 removed"));
  EXPECT_THAT(Run({"verify"}).out, HasSubstr("13 entries, 10"));
  EXPECT_EQ(LettersIn(cache_)(8'000'000).size(), 8'000'000u);
}

TEST_P(CommandTest, WhatCannotBeReadAtAllIsSaidAndTheOthersHaveTheirTurn) {
  Fill();
  const fs::path broken = path() / "broken" / "data.mdb";
  fs::create_directories(broken.parent_path());
  std::ofstream(broken) << std::string(20'000, 'x');
  for (const char* command : {"ls", "stats", "count", "verify", "compact"}) {
    const Outcome outcome = Run({command});
    EXPECT_EQ(outcome.exit_code, 1) << command;
    EXPECT_THAT(outcome.err, HasSubstr("broken: ")) << command;
  }
  EXPECT_THAT(Run({"ls"}).out, HasSubstr("13 entries"));
  EXPECT_THAT(Run({"verify", "--repair"}).err,
              HasSubstr("Remove " + broken.parent_path().string()));
  EXPECT_THAT(Run({"doctor"}).out, HasSubstr("remove this folder"));
}

TEST_P(CommandTest, DoctorSaysWhatItFoundAndWhatToDo) {
  Fill();
  EXPECT_EQ(Run({"doctor"}).exit_code, 0);
  std::ofstream(path() / "wing" / "notes.txt") << "mine";
  std::ofstream(path() / "letters" / ".writing-0123456789abcdef") << "half";
  fs::last_write_time(path() / "letters" / ".writing-0123456789abcdef",
                      fs::file_time_type::clock::now() - std::chrono::hours(2));
  fs::create_symlink("/etc", path() / "wing" / "link");
  json report = RunJson({"doctor"});
  EXPECT_EQ(report["troubles"], 0);
  std::map<std::string, json> findings;
  for (const json& finding : report["findings"]) findings[finding["kind"]] = finding;
  ASSERT_TRUE(findings.contains("foreign file"));
  EXPECT_EQ(findings["foreign file"]["count"], 2);
  ASSERT_TRUE(findings.contains("unfinished file"));
  EXPECT_THAT(findings["unfinished file"]["place"], HasSubstr(".writing-0123456789abcdef"));

  if (chown((path() / "wing").c_str(), 12345, 12345) == 0) {  // in a sandbox there may be no other
    EXPECT_THAT(Run({"doctor"}).out, HasSubstr("it belongs to the user 12345, the cache to"));
    ASSERT_EQ(chown((path() / "wing").c_str(), geteuid(), getegid()), 0);
  }
  chmod((path() / "letters").c_str(), 0777);
  const Outcome outcome = Run({"doctor"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("writable by others"));
  EXPECT_THAT(outcome.out, HasSubstr("chmod -R go-w"));
}

TEST_P(CommandTest, LookingChangesNoFileAndCountsAsNoUse) {
  Fill();
  const std::set<std::string> before = FilesIn(directory_.path());
  const json listed = RunJson({"ls", "wing/lift"});
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"ls"},
                                             {"get", "wing/lift", "--where=alpha"},
                                             {"count"},
                                             {"stats"},
                                             {"verify"},
                                             {"doctor"},
                                             {"prune", "--max-size=0", "--dry-run"},
                                             {"clear", "--all", "--dry-run"}}) {
    EXPECT_EQ(Run(command).exit_code, 0) << command[0];
  }
  EXPECT_EQ(FilesIn(directory_.path()), before);
  EXPECT_EQ(RunJson({"ls", "wing/lift"}), listed);
}

TEST_P(CommandTest, AReadOnlyCacheCanBeLookedAtAndNotChanged) {
  Fill();
  EXPECT_EQ(RunAsOrdinaryUser([&] {
              chmod((path() / "letters").c_str(), 0500);
              const bool in_files = GetParam() == Storage::kFiles;
              const fs::path inner = path() / "letters" / (in_files ? "v0" : "data.mdb");
              return chmod(inner.c_str(), in_files ? 0500 : 0400);
            }),
            0);
  const auto run = [&](const std::vector<std::string>& arguments) {
    Outcome outcome;
    const fs::path out = directory_.path() / "out";
    outcome.exit_code = WaitForProcess(StartProcess([&] {
      // Or root would be root again in the command.
      if (geteuid() == 0 && prctl(PR_SET_SECUREBITS, SECBIT_NOROOT) != 0) return 100;
      if (!DropPrivileges()) return 100;
      const Outcome inner = Run(arguments);
      std::ofstream(out) << inner.out << inner.err;
      return inner.exit_code;
    }));
    outcome.out = ReadFile(out);
    return outcome;
  };
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"ls"},
                                             {"ls", "letters"},
                                             {"get", "letters", R"({"count": 10})"},
                                             {"count", "letters"},
                                             {"stats"},
                                             {"verify", "letters"}}) {
    const Outcome outcome = run(command);
    EXPECT_EQ(outcome.exit_code, 0) << command[0] << ": " << outcome.out;
  }
  const Outcome refused = run({"rm", "letters", "--where=count == 10"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.out, HasSubstr(GetParam() == Storage::kDisk ? "can be read but not written"
                                                                  : "Permission denied"));
  EXPECT_EQ(RunJson({"count", "letters"})["entries"], 3);
  chmod((path() / "letters").c_str(), 0700);
}

TEST_P(CommandTest, SaysWhatIsWrongWithWhatWasAskedFor) {
  Outcome outcome = Run({"ls"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("there is no cache at"));
  EXPECT_THAT(outcome.err, HasSubstr("--cache DIR or $PERMACACHE_DIR"));
  EXPECT_FALSE(fs::exists(path()));
  Fill();
  outcome = Run({"ls", "wing/lfit"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("there is no function \"wing/lfit\""));
  EXPECT_EQ(RunCommand("/nowhere", {"ls", "--cache", path()}).exit_code, 0);
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{},
                                             {"lss"},
                                             {"get"},
                                             {"get", "letters"},
                                             {"rm", "letters"},
                                             {"ls", "--limit=0"},
                                             {"ls", "--sort=colour"},
                                             {"ls", "--where=x"},
                                             {"ls", "letters", "--where=x ="},
                                             {"prune", "--max-size=much"},
                                             {"prune", "--older-than=ages"},
                                             {"clear"},
                                             {"import"},
                                             {"import", "x", "--on-conflict=guess"},
                                             {"help", "nothing"}}) {
    EXPECT_EQ(Run(command).exit_code, 2) << json(command);
  }
  EXPECT_THAT(Run({"ls", "letters", "--where=x ="}).err, HasSubstr("--where: column 3: expected"));
  EXPECT_THAT(Run({"prune", "--max-size=much"}).err, HasSubstr("write it like 500, 10k"));
}

TEST_P(CommandTest, WhatCannotBeWrittenToStandardOutputIsSaid) {
  Fill();
  const Outcome outcome = RunLine(path(), directory_.path(), "permacache ls wing/lift >/dev/full");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("cannot write all of this"));
}

TEST_P(CommandTest, DoctorTellsThatTheDiskIsFull) {
  constexpr int kCannotMount = 77;
  const int ended = WaitForProcess(StartProcess([&] {
    fs::create_directories(path());
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", path().c_str(), "tmpfs", 0, "size=1m") != 0) {
      return kCannotMount;
    }
    LettersIn(cache_)(10);
    CloseAll();
    std::ofstream(path() / "letters" / ".writing-0123456789abcdef") << std::string(2 << 20, 'x');
    const Outcome outcome = Run({"doctor"});
    EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
    EXPECT_THAT(outcome.out, HasSubstr("full disk"));
    EXPECT_THAT(outcome.out, HasSubstr("permacache prune --max-size"));
    return HasFailure() ? 1 : 0;
  }));
  if (ended == kCannotMount) GTEST_SKIP() << "this process may not mount a disk";
  EXPECT_EQ(ended, 0);
}

TEST_P(CommandTest, ExportAndImportCarryWhatIsSelected) {
  Fill();
  const fs::path file = directory_.path() / "all.pmc.tar.zst", part = directory_.path() / "part";
  EXPECT_EQ(RunJson({"export", file})["entries"], 13);
  EXPECT_EQ(Run({"export", file}).exit_code, 1);
  EXPECT_EQ(RunJson({"export", part, "wing/lift", "--where=alpha == 3"})["entries"], 1);
  const fs::path other = directory_.path() / "other";
  json files = json::parse(RunCommand(other, {"import", part, file, "--json"}).out)["files"];
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[0]["added"], 1);
  EXPECT_EQ(files[1]["added"], 12);
  EXPECT_EQ(files[1]["equal"], 1);
  computed = 0;
  const Cache copy({.directory = other, .storage = GetParam()});
  EXPECT_EQ(LiftIn(copy)(5, {"high"}), "high+++++");
  EXPECT_EQ(computed, 0);
  Damage(file);
  EXPECT_EQ(Run({"import", file}).exit_code, 1);
}

// Everything that a terminal could take for an order is shown instead.
TEST_P(CommandTest, HostileNamesAndKeysAreShownAsTexts) {
  const std::string key = "{\"x\": \"\x1b]0;evil\x07\xe2\x80\xae\xff\"}";
  storage::FileStore store({.directory = path() / "fine"});
  ASSERT_TRUE(store.Put(key, {.value = "\x1b[2J"}).ok());
  ASSERT_TRUE(storage::FileStore({.directory = path() / "evil\x1b[2J"}).Put("{}", {}).ok());
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"ls"},
                                             {"ls", "fine"},
                                             {"get", "fine", key},
                                             {"stats"},
                                             {"doctor"},
                                             {"ls", "x\x1b"},
                                             {"ls", "--json"}}) {
    const Outcome outcome = Run(command);
    for (const std::string& text : {outcome.out, outcome.err}) {
      EXPECT_THAT(text, Not(AnyOf(HasSubstr("\x1b"), HasSubstr("\x07"), HasSubstr("\xe2\x80\xae"),
                                  HasSubstr("\xff"))))
          << command[0];
    }
  }
  EXPECT_THAT(Run({"ls", "fine"}).out, HasSubstr("\\x1b]0;evil\\x07\\u202e\\xff"));
}

TEST_P(CommandTest, StopsAtTheNextEntryAfterAnInterrupt) {
  constexpr int kEntries = 3000;  // more than the pipe takes
  if (GetParam() == Storage::kDisk) {
    auto store = storage::LmdbStore::Open({.environment = {.directory = path() / "many"}});
    ASSERT_TRUE(store.ok());
    std::vector<std::string> keys;
    for (int i = 0; i < kEntries; ++i) keys.push_back("{\"number\": " + std::to_string(i) + "}");
    std::vector<storage::KeyedRecord> records;
    for (const std::string& key : keys) records.push_back({.key = key, .record = {}});
    ASSERT_TRUE((*store)->PutMany(records, true).ok());
  } else {
    storage::FileStore store({.directory = path() / "many"});
    ASSERT_TRUE(store.Put("{}", {}).ok());
    for (int i = 0; i < kEntries; ++i) {
      fs::create_hard_link(fs::directory_iterator(store.folder())->path(),
                           store.folder() / ("a-" + std::string(28, '0') +
                                             std::to_string(10'000 + i).substr(1) + ".pmc"));
    }
  }
  CloseAll();
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const pid_t process = StartProcess([&] {
    dup2(ends[1], STDOUT_FILENO);
    setenv("PERMACACHE_DIR", path().c_str(), 1);
    execl(CommandPath().c_str(), "permacache", "ls", "many", nullptr);
    return 127;
  });
  close(ends[1]);
  // Now it is among the entries, and waits for somebody to read on.
  char first;
  ASSERT_EQ(read(ends[0], &first, 1), 1);
  kill(process, SIGINT);
  std::string rest(1 << 20, '\0');
  while (read(ends[0], rest.data(), rest.size()) > 0) {
  }
  close(ends[0]);
  EXPECT_EQ(WaitForProcess(process), 130);
  EXPECT_EQ(RunJson({"count", "many"})["entries"],
            kEntries + (GetParam() == Storage::kFiles ? 1 : 0));
}

TEST_P(CommandTest, WorksBesideAProcessThatWrites) {
  Fill();
  const fs::path stop = directory_.path() / "stop", begun = directory_.path() / "begun";
  const pid_t writer = StartProcess([&] {
    const Cache cache({.directory = path(), .storage = GetParam()});
    auto letters = LettersIn(cache);
    int wrong = 0;
    for (int i = 0; !fs::exists(stop); ++i) {
      wrong += letters(i % 3000).size() != static_cast<size_t>(i % 3000);
      if (i == 100) std::ofstream(begun) << "yes";
    }
    wrong += letters.Stats().failures > 0;
    return wrong == 0 ? 0 : 1;
  });
  while (!fs::exists(begun)) usleep(1000);
  const fs::path file = directory_.path() / "file";
  for (int round = 0; round < 2; ++round) {
    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"ls"},
                                               {"ls", "letters"},
                                               {"get", "letters", "--where=count == 5"},
                                               {"count"},
                                               {"stats"},
                                               {"verify"},
                                               {"rm", "letters", "--where=count < 50"},
                                               {"prune", "--max-size=100k"},
                                               {"compact"},
                                               {"doctor"},
                                               {"export", file, "--overwrite"},
                                               {"import", file},
                                               {"clear", "letters"}}) {
      const Outcome outcome = Run(command);
      // That there was nothing to be shown or removed at that moment is no trouble.
      const bool found_nothing = outcome.err.find("no such entry") != std::string::npos;
      EXPECT_TRUE(outcome.exit_code == 0 || found_nothing)
          << json(command) << ": " << outcome.err << outcome.out;
    }
  }
  std::ofstream(stop) << "now";
  EXPECT_EQ(WaitForProcess(writer), 0);
  EXPECT_EQ(Run({"verify"}).exit_code, 0);
}

class CompletionTest : public ::testing::Test {
 protected:
  std::vector<std::string> Complete(const std::string& words) const {
    const Outcome outcome = RunLine(directory_.path() / "cache", directory_.path(),
                                    "eval \"$(permacache completion bash)\"\n"
                                    "COMP_WORDS=(permacache " +
                                        words +
                                        "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
                                        "_permacache; printf '%s\\n' \"${COMPREPLY[@]}\"");
    EXPECT_EQ(outcome.err, "");
    return Split(outcome.out);
  }

  const TemporaryDirectory directory_{ParentInMemory()};
};

TEST_F(CompletionTest, KnowsCommandsOptionsAndFunctions) {
  for (const char* name : {"wing/lift", "wing/drag", "mesh"}) {
    ASSERT_TRUE(
        storage::FileStore({.directory = directory_.path() / "cache" / name}).Put("{}", {}).ok());
  }
  EXPECT_THAT(Complete("co"), ElementsAre("count", "compact", "completion"));
  EXPECT_THAT(Complete("ls --w"), ElementsAre("--where"));
  EXPECT_THAT(Complete("ls wi"), UnorderedElementsAre("wing/drag", "wing/lift"));
  EXPECT_THAT(Complete("ls --cache /nowhere wi"), ElementsAre(""));
  EXPECT_THAT(Complete("export file me"), ElementsAre("mesh"));
  EXPECT_THAT(Complete("completion b"), ElementsAre("bash"));
}

TEST_F(CompletionTest, TakesNamesForTexts) {
  const std::string name = "a $(touch pwned) `touch pwned`";
  ASSERT_TRUE(
      storage::FileStore({.directory = directory_.path() / "cache" / name}).Put("{}", {}).ok());
  const std::vector<std::string> completed = Complete("ls a");
  ASSERT_EQ(completed.size(), 1u);
  EXPECT_EQ(RunLine("", "", "printf %s " + completed[0]).out, name);
  EXPECT_FALSE(fs::exists(directory_.path() / "pwned"));
}

TEST(StaleReaders, OfProcessesThatWereKilledAreFoundOnce) {
  const TemporaryDirectory directory;
  const fs::path begun = directory.path() / "begun";
  const pid_t process = StartProcess([&] {
    const Cache cache({.directory = directory.path() / "cache"});
    auto letters = cache.Memoize("letters", Letters, "count"_a);
    letters(3);
    SyncAll();
    letters.Size();
    std::ofstream(begun) << "yes";
    for (;;) pause();
    return 0;
  });
  while (!fs::exists(begun)) usleep(1000);
  // As long as nobody has it open LMDB itself forgets readers.
  const Cache cache({.directory = directory.path() / "cache"});
  auto letters = cache.Memoize("letters", Letters, "count"_a);
  EXPECT_EQ(letters.Size(), 1);
  kill(process, SIGKILL);
  EXPECT_EQ(WaitForProcess(process), -SIGKILL);
  EXPECT_THAT(RunCommand(directory.path() / "cache", {"doctor"}).out, HasSubstr("stale readers"));
  EXPECT_THAT(RunCommand(directory.path() / "cache", {"doctor"}).out,
              Not(HasSubstr("stale readers")));
}

}  // namespace
}  // namespace permacache::testing
