// A crash at any moment of a store's work: what was acknowledged as durable is there, nothing is
// ever wrong, and the store goes on.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "permacache/storage/file_store.h"
#include "permacache/storage/lmdb_environment.h"
#include "permacache/storage/lmdb_store.h"
#include "permacache/storage/value_files.h"
#include "permacache/testing/crashed_directory.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/random.h"
#include "permacache/testing/system_calls.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

namespace fs = std::filesystem;

using storage::Durability;
using storage::FileStore;
using storage::LmdbStore;
using storage::Record;
using storage::Store;
using storage::ValueFiles;

using Value = std::optional<std::string>;

using Opener = std::function<std::unique_ptr<Store>(const fs::path& directory)>;

// A kind of store, as it works and as it is opened after the crash.
struct CrashCase {
  const char* name;
  Opener open;
  Opener reopen;
  bool waits = false;     // whether results are durable only after SyncAllEnvironments()
  bool compacts = false;  // whether it is an LmdbStore
};

std::ostream& operator<<(std::ostream& out, const CrashCase& test) { return out << test.name; }

// What a store was told of one key, and when.
class History {
 public:
  // Positions in a recording; a value that is none was erased.
  void Begin(const std::string& key, Value value, size_t position) {
    steps_[key].push_back({std::move(value), position});
  }
  void End(const std::string& key, size_t position) { EndAll(steps_[key], position); }
  void EndAll(size_t position) {
    for (auto& [key, steps] : steps_) EndAll(steps, position);
  }

  std::vector<std::string> Keys() const {
    std::vector<std::string> keys;
    for (const auto& [key, steps] : steps_) keys.push_back(key);
    return keys;
  }

  // Whether a store may have this value after a crash: the last one that was durable by then, or
  // one that was on its way.
  bool MayBe(const std::string& key, const Value& value, size_t crash) const {
    bool may_be = !value.has_value();
    for (const Step& step : steps_.at(key)) {
      if (step.begun > crash) break;
      if (step.durable <= crash) may_be = false;
      may_be = may_be || step.value == value;
    }
    return may_be;
  }

 private:
  struct Step {
    Value value;
    size_t begun;
    size_t durable = std::numeric_limits<size_t>::max();
  };

  static void EndAll(std::vector<Step>& steps, size_t position) {
    for (Step& step : steps) step.durable = std::min(step.durable, position);
  }

  std::map<std::string, std::vector<Step>> steps_;
};

// Drives a store, and notes what it did.
class Workload {
 public:
  Workload(const CrashCase& test, const fs::path& directory, std::mt19937_64& random)
      : test_(test), recording_(directory), random_(random), store_(test.open(directory)) {}

  // Values are about as large as one of these, in bytes.
  void Run(int operations, const std::vector<size_t>& sizes) {
    for (int i = 0; i < operations; ++i) {
      const std::string key = "key " + std::to_string(random_() % (operations / 3 + 1));
      const int kind = static_cast<int>(random_() % 16);
      if (kind == 0 && i > operations / 2 && !has_cleared_) {
        Clear();
      } else if (i % (operations / 2) == operations / 3 && test_.compacts) {
        Compact();
      } else if (kind < 4) {
        Erase(key);
      } else {
        Put(key, RandomValue(sizes[random_() % sizes.size()]));
      }
      if (test_.waits && kind % 5 == 0) Sync();
    }
    Sync();
    store_.reset();
  }

  const History& history() const { return history_; }
  std::vector<FileEvent> events() const { return recording_.events(); }

 private:
  // Of half the size to all of it. No compression makes it smaller.
  std::string RandomValue(size_t size) {
    std::string value(size - random_() % (size / 2), '\0');
    for (size_t i = 0; i + sizeof(uint64_t) <= value.size(); i += sizeof(uint64_t)) {
      const uint64_t bytes = random_();
      std::memcpy(value.data() + i, &bytes, sizeof(bytes));
    }
    return value;
  }

  void Put(const std::string& key, const std::string& value) {
    history_.Begin(key, value, recording_.position());
    EXPECT_TRUE(store_->Put(key, {.value = value}).ok());
    if (!test_.waits) history_.End(key, recording_.position());
  }

  void Erase(const std::string& key) {
    history_.Begin(key, std::nullopt, recording_.position());
    EXPECT_TRUE(store_->Erase(key).ok());
    history_.End(key, recording_.position());
  }

  void Clear() {
    for (const std::string& key : history_.Keys()) {
      history_.Begin(key, std::nullopt, recording_.position());
    }
    EXPECT_TRUE(store_->Clear().ok());
    history_.EndAll(recording_.position());
    has_cleared_ = true;
  }

  void Compact() {
    const absl::Status status = static_cast<LmdbStore&>(*store_).Compact([](int64_t, int64_t) {});
    EXPECT_TRUE(status.ok()) << status;
  }

  void Sync() {
    EXPECT_TRUE(storage::SyncAllEnvironments().ok());
    history_.EndAll(recording_.position());
  }

  const CrashCase& test_;
  const ScopedRecording recording_;
  std::mt19937_64& random_;
  std::unique_ptr<Store> store_;
  History history_;
  bool has_cleared_ = false;
};

struct Crash {
  size_t position;
  Unsynced unsynced;
  uint64_t seed;
};

std::ostream& operator<<(std::ostream& out, const Crash& crash) {
  const char* unsynced = crash.unsynced == Unsynced::kLost   ? "lost"
                         : crash.unsynced == Unsynced::kKept ? "kept"
                                                             : "mixed";
  return out << "after a crash at " << crash.position << ", what was not synced " << unsynced
             << " with seed " << crash.seed << ": ";
}

absl::StatusOr<Value> ValueIn(Store& store, const std::string& key) {
  Value value;
  const absl::StatusOr<bool> found =
      store.Get(key, [&](const Record& record) { value = std::string(record.value); });
  if (!found.ok()) return found.status();
  return value;
}

// Whether a store has so many entries and takes another.
bool GoesOn(Store& store, int64_t entries, const Crash& crash) {
  const absl::StatusOr<int64_t> size = store.Size();
  const absl::Status put = store.Put("after", {.value = "the crash"});
  const absl::StatusOr<Value> value = ValueIn(store, "after");
  if (size.ok() && *size == entries && put.ok() && value.ok() && *value == "the crash") return true;
  std::cerr << crash << entries << " entries are found; it says " << size.status() << " "
            << size.value_or(0) << "; a new one is put: " << put << ", found: " << value.status()
            << std::endl;
  return false;
}

// Whether a store that is opened after this crash is sound and goes on; says what is not.
bool Survives(const CrashCase& test, const std::vector<FileEvent>& events, const History& history,
              const Crash& crash) {
  const TemporaryDirectory directory;
  std::mt19937_64 random(crash.seed);
  RestoreAfterCrash(events, crash.position, crash.unsynced, random, directory.path());
  const std::unique_ptr<Store> store = test.reopen(directory.path());
  if (store == nullptr) {
    std::cerr << crash << "cannot be opened" << std::endl;
    return false;
  }
  int64_t found = 0;
  bool sound = true;
  for (const std::string& key : history.Keys()) {
    const absl::StatusOr<Value> value = ValueIn(*store, key);
    if (value.ok()) found += value->has_value();
    if (value.ok() && history.MayBe(key, *value, crash.position)) continue;
    std::cerr << crash << key
              << (!value.ok()          ? " is refused: " + value.status().ToString()
                  : value->has_value() ? " has a wrong value"
                                       : " is lost")
              << std::endl;
    sound = false;
  }
  return sound && GoesOn(*store, found, crash);
}

std::string ContentOf(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// LMDB writes to its lock file through memory, which is not recorded. It starts anew after a crash.
std::map<std::string, std::string> FilesIn(const fs::path& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file() || entry.path().filename() == "lock.mdb") continue;
    files[fs::relative(entry.path(), directory)] = ContentOf(entry.path());
  }
  return files;
}

class CrashOrder : public ::testing::TestWithParam<CrashCase> {
 protected:
  void Record(int operations, const std::vector<size_t>& sizes) {
    const TemporaryDirectory directory;
    Workload workload(GetParam(), directory.path(), random_);
    workload.Run(operations, sizes);
    events_ = workload.events();
    history_ = workload.history();
    std::cout << events_.size() << " events" << std::endl;
    // Whether the recording is complete.
    const TemporaryDirectory restored;
    RestoreAfterCrash(events_, events_.size(), Unsynced::kKept, random_, restored.path());
    EXPECT_TRUE(FilesIn(restored.path()) == FilesIn(directory.path()));
  }

  void CrashAt(size_t position) {
    for (const Unsynced unsynced :
         {Unsynced::kLost, Unsynced::kKept, Unsynced::kMixed, Unsynced::kMixed}) {
      crashes_.push_back({position, unsynced, random_()});
    }
  }

  // There are versions of LMDB that keep what was opened open, so each process takes only some.
  void ExpectToSurvive() {
    constexpr size_t kCrashesPerProcess = 100;
    const size_t processes = crashes_.size() / kCrashesPerProcess + 1;
    const int failed = RunProcesses(static_cast<int>(processes), [&](int p) {
      int violations = 0;
      for (size_t i = static_cast<size_t>(p); i < crashes_.size(); i += processes) {
        violations += !Survives(GetParam(), events_, history_, crashes_[i]);
      }
      return violations == 0 ? 0 : 1;
    });
    EXPECT_EQ(failed, 0);
  }

  std::mt19937_64 random_ = SeededRandom();
  std::vector<FileEvent> events_;
  History history_;
  std::vector<Crash> crashes_;
};

TEST_P(CrashOrder, AtEachMomentOfAShortWorkLosesNothing) {
  Record(24, {20, 200, 200, 5000, 20'000});
  for (size_t position = 0; position <= events_.size(); ++position) CrashAt(position);
  ExpectToSurvive();
}

TEST_P(CrashOrder, AtSomeMomentsOfALongWorkLosesNothing) {
  Record(300, {20, 200, 200, 200, 2000, 5000, 100'000});
  for (int i = 0; i < 40; ++i) CrashAt(random_() % (events_.size() + 1));
  ExpectToSurvive();
}

// Some so large that they lie in files of their own.
TEST_P(CrashOrder, AtSomeMomentsOfWorkWithLargeValuesLosesNothing) {
  Record(16, {200, 5000, 2 * ValueFiles::kLeastSize});
  for (int i = 0; i < 12; ++i) CrashAt(random_() % (events_.size() + 1));
  ExpectToSurvive();
}

template <Durability kDurability>
std::unique_ptr<Store> OpenLmdb(const fs::path& directory) {
  // The map begins so small that it has to grow.
  auto store = LmdbStore::Open(
      {.environment = {.directory = directory / "a" / "f", .map_size = size_t{1} << 16},
       .durability = kDurability,
       .least_file_size = 3000});
  if (!store.ok()) std::cerr << store.status() << std::endl;
  return store.ok() ? *std::move(store) : nullptr;
}

std::unique_ptr<Store> OpenFiles(const fs::path& directory) {
  return std::make_unique<FileStore>(storage::FileStoreOptions{.directory = directory / "a" / "f"});
}

INSTANTIATE_TEST_SUITE_P(
    Stores, CrashOrder,
    ::testing::Values(CrashCase{.name = "Lmdb",
                                .open = OpenLmdb<Durability::kSynced>,
                                .reopen = OpenLmdb<Durability::kSynced>,
                                .compacts = true},
                      // Without threads, which a forked process may not start everywhere.
                      CrashCase{.name = "LmdbGrouped",
                                .open = OpenLmdb<Durability::kGrouped>,
                                .reopen = OpenLmdb<Durability::kSynced>,
                                .waits = true,
                                .compacts = true},
                      CrashCase{.name = "Files", .open = OpenFiles, .reopen = OpenFiles}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace permacache::testing
