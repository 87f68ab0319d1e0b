// Processes that write, read, erase and clear one folder, and are killed at random: nothing torn,
// nothing wrong, and what was acknowledged is there. For a few seconds, or as many as --seconds
// says.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "permacache/storage/file_store.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/random.h"
#include "permacache/testing/temporary_directory.h"
#include "permacache/testing/torture.h"

namespace permacache::testing {
namespace {

using std::chrono::steady_clock;
using storage::FileFormat;
using storage::FileStore;
using storage::Record;

constexpr int kWriters = 3;
constexpr int kOwnKeys = 40;
constexpr int kSharedKeys = 10;

// What the writers tell: memory that outlives them.
struct Ledger {
  // Of each own key the last value that is stored for certain, and the one that is being stored;
  // 0 for none. Only its writer writes it.
  std::atomic<uint64_t> acknowledged[kWriters][kOwnKeys];
  std::atomic<uint64_t> begun[kWriters][kOwnKeys];
  std::atomic<uint64_t> operations;
  std::atomic<uint64_t> wrong;
};

// A text that its number tells, of any size.
std::string ValueOfNumber(uint64_t number) {
  std::string value = "[" + std::to_string(number);
  const size_t size = number * 7919 % (number % 16 == 0 ? 60'000 : 600);
  while (value.size() < size) value += ", " + std::to_string(number);
  return value + "]";
}

uint64_t NumberOf(std::string_view value) { return std::strtoull(value.data() + 1, nullptr, 10); }

std::string OwnKey(int writer, int key) {
  return "{\"writer\": " + std::to_string(writer) + ", \"key\": " + std::to_string(key) + "}";
}

// The number of a record that is whole, 0 if there is none; UINT64_MAX if anything is wrong.
uint64_t Look(FileStore& store, const std::string& key) {
  uint64_t number = 0;
  const absl::StatusOr<bool> found = store.Get(key, [&](const Record& record) {
    const std::string value(record.value);
    number = NumberOf(value);
    if (value != ValueOfNumber(number)) number = UINT64_MAX;
  });
  if (!found.ok()) std::cerr << found.status() << std::endl;
  return found.ok() ? number : UINT64_MAX;
}

void PutOwn(FileStore& store, Ledger& ledger, int writer, int key, uint64_t number) {
  ledger.begun[writer][key] = number;
  const absl::Status put = store.Put(OwnKey(writer, key), {.value = ValueOfNumber(number)});
  if (!put.ok()) ++ledger.wrong;
  ledger.acknowledged[writer][key] = number;
}

void EraseOwn(FileStore& store, Ledger& ledger, int writer, int key) {
  ledger.begun[writer][key] = 0;
  if (!store.Erase(OwnKey(writer, key)).ok()) ++ledger.wrong;
  ledger.acknowledged[writer][key] = 0;
}

void CheckOwn(FileStore& store, Ledger& ledger, int writer, int key) {
  const uint64_t number = Look(store, OwnKey(writer, key));
  if (number != ledger.acknowledged[writer][key] && number != ledger.begun[writer][key]) {
    ++ledger.wrong;
  }
}

[[noreturn]] void WriteForEver(const std::filesystem::path& directory, Ledger& ledger, int writer,
                               uint64_t seed) {
  std::mt19937_64 random(seed);
  FileStore store({.directory = directory / "own", .format = static_cast<FileFormat>(writer % 3)});
  FileStore shared(
      {.directory = directory / "shared", .format = static_cast<FileFormat>(writer % 3)});
  for (;;) {
    ++ledger.operations;
    const int key = static_cast<int>(random() % kOwnKeys);
    const std::string shared_key = std::to_string(random() % kSharedKeys);
    const uint64_t number = random() % 1'000'000 + 1;
    switch (random() % 8) {
      case 0:
      case 1:
        PutOwn(store, ledger, writer, key, number);
        break;
      case 2:
        EraseOwn(store, ledger, writer, key);
        break;
      case 3:
      case 4:
        CheckOwn(store, ledger, writer, key);
        break;
      case 5:
        if (!shared.Put(shared_key, {.value = ValueOfNumber(number)}).ok()) ++ledger.wrong;
        break;
      case 6:
        if (random() % 10 == 0 ? !shared.Clear().ok() : !shared.Erase(shared_key).ok()) {
          ++ledger.wrong;
        }
        break;
      default:
        if (Look(shared, shared_key) == UINT64_MAX) ++ledger.wrong;
        if (!shared.Size().ok()) ++ledger.wrong;
    }
  }
}

TEST(FileStoreTorture, KilledWritersLoseNothingThatWasAcknowledgedAndTearNothing) {
  const TemporaryDirectory directory;
  std::mt19937_64 random = SeededRandom();
  const SharedByProcesses<Ledger> shared;
  Ledger& ledger = *shared;
  FileStore store({.directory = directory.path() / "own"});

  const auto start = [&](int writer) {
    const uint64_t seed = random();
    return StartProcess(
        [&, writer, seed]() -> int { WriteForEver(directory.path(), ledger, writer, seed); });
  };
  std::vector<pid_t> writers;
  for (int w = 0; w < kWriters; ++w) writers.push_back(start(w));
  uint64_t kills = 0, checked = 0, lost = 0;
  const auto end = EndOfTorture(std::chrono::seconds(4));
  while (steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 50'000));
    const int victim = static_cast<int>(random() % kWriters);
    kill(writers[victim], SIGKILL);
    EXPECT_EQ(WaitForProcess(writers[victim]), -SIGKILL);
    ++kills;
    for (int key = 0; key < kOwnKeys; ++key, ++checked) {
      const uint64_t number = Look(store, OwnKey(victim, key));
      // A write that was begun may have taken effect before its writer could say so.
      if (number == ledger.begun[victim][key]) {
        ledger.acknowledged[victim][key] = number;
      } else {
        lost += number != ledger.acknowledged[victim][key];
        ledger.begun[victim][key] = ledger.acknowledged[victim][key].load();
      }
    }
    writers[victim] = start(victim);
  }
  for (const pid_t writer : writers) kill(writer, SIGKILL);
  for (const pid_t writer : writers) WaitForProcess(writer);
  std::cout << "kills " << kills << ", operations " << ledger.operations << ", checked " << checked
            << ", lost " << lost << ", wrong " << ledger.wrong << std::endl;
  EXPECT_GT(kills, 0u);
  EXPECT_GT(ledger.operations, 0u);
  EXPECT_EQ(lost, 0u);
  EXPECT_EQ(ledger.wrong, 0u);
}

}  // namespace
}  // namespace permacache::testing
