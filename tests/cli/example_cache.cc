#include "tests/cli/example_cache.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "permacache/codec/codec.h"
#include "permacache/key/key.h"
#include "permacache/memoize/statistics_file.h"
#include "permacache/storage/storage.h"

namespace permacache::testing {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using storage::Store;

struct Wing {
  std::string label;
  double span;
};

struct Flight {  // the arguments of wing/lift
  double alpha;
  Wing wing;
};

struct Lift {
  double lift;
  double drag;
};

// Noon of a day in March 2024.
storage::TimePoint DayOfMarch(int day) {
  return std::chrono::sys_days(std::chrono::year(2024) / 3 / day) + 12h;
}

// A call's key: what KeyText writes of a struct, without its name.
std::string KeyOfCall(const std::string& text) {
  const size_t end = text.find(", ");
  return "{" + text.substr(end + 2);
}

void Put(Store& store, const std::string& key, const std::string& value, int day,
         std::chrono::nanoseconds cost) {
  const absl::Status status =
      store.Put(key, {.value = value, .created = DayOfMarch(day), .compute_time = cost});
  if (!status.ok()) throw std::runtime_error(status.ToString());
}

std::unique_ptr<Store> Open(const fs::path& folder, uint32_t version) {
  auto store = storage::LmdbStore::Open({.environment = {.directory = folder}, .version = version});
  if (!store.ok()) throw std::runtime_error(store.status().ToString());
  return *std::move(store);
}

void MakeLifts(const fs::path& folder) {
  for (const uint32_t version : {1, 2}) {
    const std::unique_ptr<Store> store = Open(folder, version);
    for (const double alpha : {0., 2., 4., 6., 8.}) {
      if (version == 1 && alpha > 2) continue;
      const Wing wing{alpha < 4 ? "straight" : "swept back", 30 + alpha};
      const auto cost = std::chrono::milliseconds(1500 + static_cast<int>(100 * alpha));
      Put(*store, KeyOfCall(KeyText(Flight{alpha, wing})),
          codec::Encode(Lift{alpha / 8, alpha / 64}, codec::Encoding::kJson),
          static_cast<int>(version), cost);
    }
  }
  memoize::AddToStatisticsFile(
      folder, {.hits = 1204, .memory_hits = 1100, .misses = 7, .computed = 12s, .saved = 2107s});
}

void MakeMeshes(const fs::path& folder) {
  const std::unique_ptr<Store> store = Open(folder, 0);
  size_t size = 10;
  for (const int level : {1, 2, 3}) {
    const std::vector<float> mesh(size *= 10, 0.5f);
    Put(*store, "{\"level\": " + std::to_string(level) + "}", codec::Encode(mesh), 10 + level,
        level * 42s);
  }
  memoize::AddToStatisticsFile(
      folder, {.hits = 20, .memory_hits = 3, .misses = 3, .computed = 252s, .saved = 1680s});
}

// A file's last use is that of the file system.
void SetTimes(const fs::path& file, storage::TimePoint time) {
  const timespec point = {
      .tv_sec = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count(),
      .tv_nsec = 0};
  const timespec both[] = {point, point};
  if (utimensat(AT_FDCWD, file.c_str(), both, 0) != 0) throw std::runtime_error(file);
}

void MakeReports(const fs::path& folder) {
  storage::FileStore store({.directory = folder, .format = storage::FileFormat::kJson});
  Put(store, R"({"name": "June", "pages": 3})",
      codec::Encode(std::string("all is well"), codec::Encoding::kJson), 20, 80ms);
  for (const auto& entry : fs::directory_iterator(store.folder())) {
    SetTimes(entry.path(), DayOfMarch(25));
  }
}

}  // namespace

void MakeExampleCache(const fs::path& directory) {
  MakeLifts(directory / "wing" / "lift");
  MakeMeshes(directory / "mesh" / "refine");
  MakeReports(directory / "report" / "text");
}

}  // namespace permacache::testing
