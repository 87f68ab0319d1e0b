#include "permacache/memoize/statistics_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "permacache/catalog/location.h"
#include "permacache/json/json.h"
#include "permacache/storage/file_lock.h"
#include "permacache/storage/files.h"

namespace permacache::memoize {
namespace {

// Calls visit(name, number) for each count, as a number that can be changed.
template <class Stats, class Visit>
void ForEachCount(Stats& stats, Visit visit) {
  visit("hits", stats.hits);
  visit("memory_hits", stats.memory_hits);
  visit("misses", stats.misses);
  visit("waits", stats.waits);
  visit("failures", stats.failures);
  visit("bytes_read", stats.bytes_read);
  visit("bytes_written", stats.bytes_written);
  visit("computed_nanoseconds", stats.computed);
  visit("saved_nanoseconds", stats.saved);
}

int64_t NumberOf(int64_t count) { return count; }
int64_t NumberOf(std::chrono::nanoseconds count) { return count.count(); }
void Set(int64_t& count, int64_t number) { count = number; }
void Set(std::chrono::nanoseconds& count, int64_t number) {
  count = std::chrono::nanoseconds(number);
}

std::string ToJson(const FunctionStats& stats) {
  std::string text;
  json::Writer writer(&text);
  writer.BeginObject();
  ForEachCount(stats, [&](std::string_view name, const auto& count) {
    writer.Name(name);
    writer.Scalar(absl::StrCat(NumberOf(count)));
  });
  writer.End();
  return text + "\n";
}

// What is not understood counts as nothing: counts are not worth a failure.
FunctionStats FromJson(std::string_view text) {
  FunctionStats stats;
  if (!json::IsValid(text)) return stats;
  json::Reader reader(text);
  if (reader.Next() != json::Reader::Kind::kObject) return stats;
  reader.Enter();
  while (reader.Next() != json::Reader::Kind::kEnd) {
    const std::string given = reader.TakeName();
    const std::string value(reader.TakeValue());
    ForEachCount(stats, [&](std::string_view name, auto& count) {
      int64_t number = 0;
      if (name == given && absl::SimpleAtoi(value, &number)) Set(count, number);
    });
  }
  return stats;
}

std::string ReadAll(int fd, const std::filesystem::path& path) {
  constexpr size_t kMost = 4096;  // more than there ever is
  std::string text(kMost, '\0');
  return storage::ReadAll(fd, text, 0, path).ok() ? text : "";
}

}  // namespace

// In place, under a lock: a file that a crash has torn counts as none.
bool AddToStatisticsFile(const std::filesystem::path& folder, const FunctionStats& added) {
  const std::filesystem::path path = folder / catalog::kStatisticsName;
  const storage::File file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600));
  storage::FileLock lock;
  if (file.fd() < 0 || !lock.Open(path).ok() || lock.Lock() != 0) return false;
  const absl::Cleanup unlock = [&] { lock.Unlock(); };
  FunctionStats sum = FromJson(ReadAll(file.fd(), path));
  sum += added;
  const std::string text = ToJson(sum);
  return pwrite(file.fd(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()) &&
         ftruncate(file.fd(), static_cast<off_t>(text.size())) == 0;
}

FunctionStats ReadStatisticsFile(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / catalog::kStatisticsName;
  const storage::File file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  storage::FileLock lock;
  if (file.fd() < 0 || !lock.Open(path).ok() || lock.Lock() != 0) return {};
  const absl::Cleanup unlock = [&] { lock.Unlock(); };
  return FromJson(ReadAll(file.fd(), path));
}

}  // namespace permacache::memoize
