// Caches whose files were damaged at random are opened, read and written: they give right values,
// misses and clear errors, never a wrong value, a crash, a hang or more memory than they should.
// For some seconds, or as many as --seconds says.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "permacache/storage/file_store.h"
#include "permacache/storage/lmdb_environment.h"
#include "permacache/storage/lmdb_store.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/random.h"
#include "permacache/testing/temporary_directory.h"
#include "permacache/testing/torture.h"
#include "tests/storage/damage.h"

namespace permacache::testing {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;
using storage::Compression;
using storage::Durability;
using storage::FileFormat;
using storage::FileStore;
using storage::LmdbStore;
using storage::Record;
using storage::Store;

constexpr int kEntries = 80;
constexpr int kErased = 20;  // entries that were there before, so that there are free pages
constexpr int kLanes = 4;    // of rounds at once: some wait
constexpr uint64_t kRoundsPerProcess = 25;
constexpr unsigned kTooLong = 60;                       // seconds for a round
constexpr long kMuchMemory = (long{256} << 20) / 1024;  // KiB more than before
constexpr size_t kMuchAddressSpace = size_t{2} << 30;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMeasuresMemory = false;
#else
constexpr bool kMeasuresMemory = true;
#endif

std::string Key(int i) { return "{\"number\": " + std::to_string(i) + "}"; }

// Some are JSON; some need several pages, and one many.
std::string Value(int i) {
  const size_t size = i == 17 ? 60'000 : i % 20 == 0 ? 9000 + i : 10 + i * 37 % 900;
  if (i % 3 != 0) return std::string(size, static_cast<char>('a' + i % 26));
  std::string json = "[" + std::to_string(i);
  while (json.size() < size) json += ", " + std::to_string(json.size());
  return json + "]";
}

using OpenStore = absl::StatusOr<std::unique_ptr<Store>> (*)(const fs::path&, Durability);

template <Compression kCompression>
absl::StatusOr<std::unique_ptr<Store>> OpenLmdb(const fs::path& folder, Durability durability) {
  return LmdbStore::Open({.environment = {.directory = folder, .map_size = size_t{1} << 24},
                          .version = static_cast<uint32_t>(kCompression),
                          .compression = kCompression,
                          .durability = durability,
                          .least_file_size = 3000});
}

template <FileFormat kFormat>
absl::StatusOr<std::unique_ptr<Store>> OpenFiles(const fs::path& folder, Durability) {
  return std::make_unique<FileStore>(storage::FileStoreOptions{
      .directory = folder, .version = static_cast<uint32_t>(kFormat), .format = kFormat});
}

struct CacheKind {
  const char* name;
  std::vector<OpenStore> stores;  // that share a folder
};

const std::vector<CacheKind>& CacheKinds() {
  static const auto* const kinds = new std::vector<CacheKind>{
      {"lmdb", {OpenLmdb<Compression::kNone>, OpenLmdb<Compression::kZstd>}},
      {"files",
       {OpenFiles<FileFormat::kBinary>, OpenFiles<FileFormat::kZstd>,
        OpenFiles<FileFormat::kJson>}},
  };
  return *kinds;
}

// Each write is a commit of its own, so that all runs have the same pages.
bool MakeSound(const CacheKind& kind, const fs::path& folder) {
  for (const OpenStore open : kind.stores) {
    const std::unique_ptr<Store> store = open(folder, Durability::kSynced).value();
    for (int i = 0; i < kEntries + kErased; ++i) {
      if (!store->Put(Key(i), {.value = Value(i)}).ok()) return false;
    }
    for (int i = kEntries; i < kEntries + kErased; ++i) {
      if (!store->Erase(Key(i)).value()) return false;
    }
  }
  return true;
}

// Of the rounds that are run one after the other.
struct Lane {
  std::atomic<uint64_t> round;
  char damage[300];  // of this round
};

// What came of the rounds: memory that outlives the processes.
struct Outcome {
  std::atomic<uint64_t> rounds, right, misses, errors, wrong, crashes, hangs, greedy;
  Lane lanes[kLanes];
};

void Tell(const std::string& what, const Lane& lane) {
  std::cerr << "round " + std::to_string(lane.round) + ", " + lane.damage + ": " + what + "\n";
}

// Uses a cache as a program would, and judges what it gets.
class User {
 public:
  User(const fs::path& folder, Outcome& outcome, const Lane& lane)
      : folder_(folder), outcome_(outcome), lane_(lane) {}

  void Use(const CacheKind& kind) {
    for (const OpenStore open : kind.stores) {
      const absl::StatusOr<std::unique_ptr<Store>> store = open(folder_, Durability::kGrouped);
      if (!IsFine(store.status())) continue;
      ReadMany(**store);
      for (int i = 0; i < kEntries + kErased; ++i) Read(**store, i);
      IsFine((*store)->Size().status());
      Write(**store);
      for (int i = 0; i < kEntries; ++i) Read(**store, i);
      IsFine((*store)->Clear());
    }
  }

 private:
  void Read(Store& store, int i) {
    const absl::StatusOr<bool> found = Get(store, i);
    if (IsFine(found.status())) ++(*found ? outcome_.right : outcome_.misses);
  }

  void ReadMany(Store& store) {
    std::vector<std::string> keys;
    for (int i = 0; i < kEntries + kErased; ++i) keys.push_back(Key(i));
    IsFine(store.GetMany(keys, [&](size_t index, const Record& record) {
      if (record.value != Value(static_cast<int>(index))) Complain("a wrong value among many");
    }));
  }

  absl::StatusOr<bool> Get(Store& store, int i) {
    return store.Get(Key(i), [&](const Record& record) {
      if (record.value != Value(i)) Complain("a wrong value");
    });
  }

  void Write(Store& store) {
    std::vector<int> put;
    for (int i = 0; i < kEntries; i += 15) {
      if (IsFine(store.Put(Key(i), {.value = Value(i)}))) put.push_back(i);
    }
    if (!IsFine(storage::SyncAllEnvironments())) return;
    for (const int i : put) {
      if (!Get(store, i).value_or(false)) Complain("what was put is not there");
    }
    for (const int i : {5, 35, 65}) {
      if (!IsFine(store.Erase(Key(i)).status())) continue;
      if (Get(store, i).value_or(true)) Complain("what was erased is there, or an error");
    }
  }

  // An error shall say what is wrong, and where.
  bool IsFine(const absl::Status& status) {
    if (status.ok()) return true;
    ++outcome_.errors;
    const bool is_clear = absl::IsDataLoss(status) || absl::IsUnimplemented(status);
    if (!is_clear || status.message().find(folder_.string()) == absl::string_view::npos) {
      Complain(status.ToString());
    }
    return false;
  }

  void Complain(const std::string& what) {
    ++outcome_.wrong;
    Tell(what, lane_);
  }

  const fs::path folder_;
  Outcome& outcome_;
  const Lane& lane_;
};

// Everything that may crash is done in processes of their own.
class Torture {
 public:
  bool Prepare() {
    return RunProcesses(1, [&](int) {
             for (const CacheKind& kind : CacheKinds()) {
               if (!MakeSound(kind, SoundOf(kind))) return 1;
             }
             return 0;
           }) == 0;
  }

  // What undamaged caches give.
  const Outcome& UseSound() {
    RunProcesses(1, [&](int) {
      for (const CacheKind& kind : CacheKinds()) Use(kind, 0, [](const fs::path&) {});
      ++outcome_->rounds;
      return 0;
    });
    return *outcome_;
  }

  const Outcome& RunUntil(steady_clock::time_point end) {
    const uint64_t seed = SeededRandom()();
    RunProcesses(kLanes, [&](int lane) {
      RunLane(seed, lane, end);
      return 0;
    });
    return *outcome_;
  }

 private:
  fs::path SoundOf(const CacheKind& kind) const { return directory_.path() / "sound" / kind.name; }

  void RunLane(uint64_t seed, int number, steady_clock::time_point end) {
    Lane& lane = outcome_->lanes[number];
    lane.round = number;
    while (steady_clock::now() < end) {
      const int code = WaitForProcess(StartProcess([&] { return RunRounds(seed, number, end); }));
      if (code == 0) continue;
      const bool hangs = code == -SIGALRM;
      ++(hangs ? outcome_->hangs : outcome_->crashes);
      Tell(hangs ? "a hang" : "a crash, " + std::to_string(code), lane);
      lane.round += kLanes;
    }
  }

  int RunRounds(uint64_t seed, int number, steady_clock::time_point end) {
    if (kMeasuresMemory && !LimitAddressSpace(kMuchAddressSpace)) return 1;
    const long before = PeakMemory();
    Lane& lane = outcome_->lanes[number];
    for (uint64_t i = 0; i < kRoundsPerProcess && steady_clock::now() < end; ++i) {
      RunRound(seed, number);
      ++outcome_->rounds;
      const bool greedy = kMeasuresMemory && PeakMemory() > before + kMuchMemory;
      if (greedy) {
        ++outcome_->greedy;
        Tell("too much memory", lane);
      }
      lane.round += kLanes;
      if (greedy) break;  // a peak stays
    }
    return 0;
  }

  // Follows from the seed and the number of the round alone.
  void RunRound(uint64_t seed, int number) {
    Lane& lane = outcome_->lanes[number];
    std::mt19937_64 random(seed + lane.round);
    const CacheKind& kind = CacheKinds()[random() % 4 == 0 ? 1 : 0];
    Use(kind, number, [&](const fs::path& folder) {
      const std::string damage = DamageFolder(folder, random);
      std::snprintf(lane.damage, sizeof(lane.damage), "%s", damage.c_str());
    });
  }

  // Uses a copy of a cache after `damage`.
  void Use(const CacheKind& kind, int number, absl::FunctionRef<void(const fs::path&)> damage) {
    alarm(kTooLong);
    const fs::path folder = directory_.path() / std::to_string(number);
    fs::remove_all(folder);
    fs::copy(SoundOf(kind), folder, fs::copy_options::recursive);
    damage(folder);
    User(folder, *outcome_, outcome_->lanes[number]).Use(kind);
  }

  // Damages each file, also in folders of folders, or not. Returns what happened to which.
  static std::string DamageFolder(const fs::path& folder, std::mt19937_64& random) {
    std::vector<fs::path> files;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::ranges::sort(files);
    const size_t certain = random() % files.size();
    std::string damage;
    for (size_t i = 0; i < files.size(); ++i) {
      if (i != certain && random() % 4 != 0) continue;
      do {
        damage += files[i].filename().string() + " " + DamageFile(files[i], random) + "; ";
      } while (random() % 8 == 0 && fs::exists(files[i]));
    }
    return damage;
  }

  static long PeakMemory() {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  }

  const TemporaryDirectory directory_{ParentInMemory()};
  const SharedByProcesses<Outcome> outcome_;
};

TEST(DamageTorture, SoundCachesGiveEverything) {
  Torture torture;
  ASSERT_TRUE(torture.Prepare());
  const Outcome& outcome = torture.UseSound();
  EXPECT_EQ(outcome.rounds, 1u);
  EXPECT_EQ(outcome.right, 5u * (kEntries + kEntries - 3));
  EXPECT_EQ(outcome.misses, 5u * (kErased + 3));
  EXPECT_EQ(outcome.errors, 0u);
  EXPECT_EQ(outcome.wrong, 0u);
}

TEST(DamageTorture, DamagedCachesGiveRightValuesMissesAndClearErrorsAlone) {
  Torture torture;
  ASSERT_TRUE(torture.Prepare());
  const Outcome& all = torture.RunUntil(EndOfTorture(std::chrono::seconds(6)));
  std::cout << "rounds " << all.rounds << ", right " << all.right << ", misses " << all.misses
            << ", errors " << all.errors << ", wrong " << all.wrong << ", crashes " << all.crashes
            << ", hangs " << all.hangs << ", too much memory " << all.greedy << std::endl;
  EXPECT_GT(all.rounds, 0u);
  EXPECT_GT(all.right, 0u);
  EXPECT_GT(all.misses, 0u);
  EXPECT_GT(all.errors, 0u);
  EXPECT_EQ(all.wrong, 0u);
  EXPECT_EQ(all.crashes, 0u);
  EXPECT_EQ(all.hangs, 0u);
  EXPECT_EQ(all.greedy, 0u);
}

}  // namespace
}  // namespace permacache::testing
