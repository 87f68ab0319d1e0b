#include "permacache/testing/crashed_directory.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace permacache::testing {
namespace {

using Kind = FileEvent::Kind;

constexpr uint64_t kSector = 512;

bool IsBelow(const std::filesystem::path& path, const std::filesystem::path& directory) {
  return path.string().starts_with(directory.string() + "/");
}

// Whether `event` is durable once `sync` is complete.
bool MakesDurable(const FileEvent& sync, const FileEvent& event) {
  const bool of_its_directory = sync.file == 0 && event.path.parent_path() == sync.path;
  switch (event.kind) {
    case Kind::kMakeDirectory:
      return of_its_directory || sync.path == event.path || IsBelow(sync.path, event.path);
    case Kind::kCreate:
      return of_its_directory || sync.file == event.file;
    case Kind::kRename:
      return of_its_directory && event.new_path.parent_path() == sync.path;
    case Kind::kRemove:
      return of_its_directory;
    default:
      return sync.file == event.file;
  }
}

// Which of the events before the crash are durable by then.
std::vector<bool> Durable(std::span<const FileEvent> events, size_t crash) {
  std::vector<bool> durable(events.size(), false);
  std::vector<size_t> pending;
  for (size_t i = 0; i < crash; ++i) {
    if (events[i].kind == Kind::kSync) {
      std::erase_if(pending, [&](size_t p) {
        durable[p] = MakesDurable(events[i], events[p]);
        return durable[p];
      });
    } else if (events[i].is_synced) {
      durable[i] = true;
    } else {
      pending.push_back(i);
    }
  }
  return durable;
}

// Directories and files in memory.
class Disk {
 public:
  void Do(const FileEvent& event);

  // Writes the sectors that `keep` says, which is asked for each in turn.
  template <class Keep>
  void WriteSectors(const FileEvent& write, Keep keep);

  void CopyTo(const std::filesystem::path& root) const;

 private:
  void Write(int file, uint64_t offset, std::string_view bytes);

  std::set<std::filesystem::path> directories_;
  std::map<std::filesystem::path, int> names_;
  std::map<int, std::string> contents_;
};

void Disk::Do(const FileEvent& event) {
  std::string& content = contents_[event.file];
  switch (event.kind) {
    case Kind::kMakeDirectory:
      directories_.insert(event.path);
      break;
    case Kind::kRename:
      names_.erase(event.path);
      names_[event.new_path] = event.file;
      break;
    case Kind::kCreate:
      names_[event.path] = event.file;
      break;
    case Kind::kRemove:
      names_.erase(event.path);
      directories_.erase(event.path);
      break;
    case Kind::kWrite:
      Write(event.file, event.offset, event.bytes);
      break;
    case Kind::kTruncate:
      content.resize(event.size);
      break;
    case Kind::kAllocate:
      content.resize(std::max<uint64_t>(content.size(), event.size));
      break;
    case Kind::kSync:
      break;
  }
}

void Disk::Write(int file, uint64_t offset, std::string_view bytes) {
  std::string& content = contents_[file];
  content.resize(std::max<uint64_t>(content.size(), offset + bytes.size()));
  content.replace(offset, bytes.size(), bytes);
}

template <class Keep>
void Disk::WriteSectors(const FileEvent& write, Keep keep) {
  const std::string_view bytes = write.bytes;
  for (size_t begin = 0; begin < bytes.size();) {
    const size_t size = kSector - (write.offset + begin) % kSector;
    if (keep()) Write(write.file, write.offset + begin, bytes.substr(begin, size));
    begin += size;
  }
}

// What lies in a directory that is not there is not there either.
void Disk::CopyTo(const std::filesystem::path& root) const {
  for (const std::filesystem::path& directory : directories_) {
    std::error_code ignored;
    std::filesystem::create_directory(root / directory, ignored);
  }
  for (const auto& [path, file] : names_) {
    if (!std::filesystem::is_directory((root / path).parent_path())) continue;
    std::ofstream out(root / path, std::ios::binary);
    out << contents_.at(file);
    if (!out.flush()) throw std::runtime_error("cannot write " + (root / path).string());
  }
}

// Does an event that was not synced, or some of it, or nothing.
void DoByChance(Disk& disk, const FileEvent& event, std::mt19937_64& random) {
  const auto toss = [&] { return random() % 2 == 0; };
  if (event.kind != Kind::kWrite || toss()) {
    if (toss()) disk.Do(event);
    return;
  }
  if (toss()) return disk.WriteSectors(event, toss);
  // More like a disk that works from one end to the other.
  const size_t sectors = event.bytes.size() / kSector + 2;
  size_t left = random() % (sectors + 1);
  const bool begin = toss();
  disk.WriteSectors(event, [&] {
    const bool is_left = left > 0;
    if (is_left) --left;
    return is_left == begin;
  });
}

}  // namespace

void RestoreAfterCrash(std::span<const FileEvent> events, size_t crash, Unsynced unsynced,
                       std::mt19937_64& random, const std::filesystem::path& directory) {
  const std::vector<bool> durable = Durable(events, crash);
  Disk disk;
  for (size_t i = 0; i < std::min(crash + 1, events.size()); ++i) {
    if (durable[i] || unsynced == Unsynced::kKept) {
      disk.Do(events[i]);
    } else if (unsynced == Unsynced::kMixed) {
      DoByChance(disk, events[i], random);
    }
  }
  disk.CopyTo(directory);
}

}  // namespace permacache::testing
