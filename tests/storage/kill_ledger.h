// What the processes of the kill torture tell of their writes, in memory that outlives them.
#ifndef TESTS_STORAGE_KILL_LEDGER_H_
#define TESTS_STORAGE_KILL_LEDGER_H_

#include <atomic>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace permacache::testing {

constexpr int kProcesses = 5;
constexpr int kMostThreads = 2;
constexpr int kFolders = 2;
constexpr int kEntries = 64;  // of each thread
constexpr int kCommonEntries = 20;

inline int ThreadsOf(int process) { return process < 3 ? 1 : kMostThreads; }

// One of the entries there are, which are always the same. Each belongs to one thread, which alone
// writes it, or is common, so that anybody may write it at any time.
struct EntryId {
  int process;  // kProcesses for what is common
  int thread;
  int entry;

  static EntryId Common(int entry) { return {kProcesses, 0, entry}; }

  bool is_common() const { return process == kProcesses; }

  // Whether the entry lies in a version of its thread alone, rather than beside those of others.
  bool is_in_own_version() const { return !is_common() && entry / kFolders % 2 == 1; }

  // Whether its values are large: megabytes.
  bool is_large() const { return !is_common() && process % 4 == 0 && entry < 2; }

  int folder() const { return entry % kFolders; }
  uint32_t version() const;
  uint16_t tag() const;
  std::string key() const;
};

// Calls visit(id) for all that belong to a process.
template <class Visit>
void ForEachEntryOf(int process, Visit visit) {
  for (int thread = 0; thread < ThreadsOf(process); ++thread) {
    for (int entry = 0; entry < kEntries; ++entry) visit(EntryId{process, thread, entry});
  }
}

// Of an entry that belongs to a thread. Values are told by their numbers; 0 stands for none.
// Written by the thread, and when it is dead by who looks what it left.
struct Entry {
  std::atomic<uint64_t> acknowledged;  // the value that is stored for certain
  std::atomic<uint64_t> begun;         // the one that is being stored; else the same
};

struct ThreadLedger {
  Entry entries[kEntries];
  std::atomic<uint64_t> steps;  // goes up for as long as the thread lives
  std::atomic<bool> writes;     // something that it has not acknowledged yet
};

struct Ledger {
  Entry& operator[](const EntryId& id) { return threads[id.process][id.thread].entries[id.entry]; }

  ThreadLedger threads[kProcesses][kMostThreads];
  std::atomic<uint64_t> steps_of_check;
  std::atomic<uint64_t> acknowledged, checked, lost, wrong;
};

// A number for a new value of this entry.
uint64_t NewNumber(const EntryId& id, std::mt19937_64& random);

// The value of this number: of any size from nothing to some 100 KiB, large ones to 8 MiB.
std::string ValueOfNumber(uint64_t number);

// Whether this is a value that was put there at any time. All empty ones are alike.
bool IsValueOf(const EntryId& id, std::string_view value);

}  // namespace permacache::testing

#endif  // TESTS_STORAGE_KILL_LEDGER_H_
