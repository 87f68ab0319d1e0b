#include "permacache/testing/call_faults.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <list>
#include <mutex>
#include <utility>
#include <vector>

namespace permacache::testing {
namespace internal {

constinit std::atomic<int> observers = 0;

namespace {

// Calls come before variables are constructed and after they are destroyed.
constinit std::mutex mutex;

// Guarded by the mutex. Never destroyed.
std::list<std::shared_ptr<ActiveFault>>& Faults() {
  static auto* const faults = new std::list<std::shared_ptr<ActiveFault>>;
  return *faults;
}

std::string PathOfDescriptor(int fd) {
  char path[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = readlink(link.c_str(), path, sizeof(path));
  return size < 0 ? std::string() : std::string(path, static_cast<size_t>(size));
}

std::string WorkingDirectory() {
  char path[PATH_MAX];
  return getcwd(path, sizeof(path)) == nullptr ? std::string() : path;
}

// `folder` with its links followed, or as it is where that is not possible.
std::string Resolved(const std::string& folder) {
  char path[PATH_MAX];
  return realpath(folder.c_str(), path) == nullptr ? folder : path;
}

}  // namespace

// A fault and its count, guarded by the mutex.
struct ActiveFault {
  explicit ActiveFault(Fault given) : fault(std::move(given)) {}

  const Fault fault;
  int calls = 0;
  int hits = 0;

  bool IsMeantFor(SystemCall call, const std::vector<std::string>& paths) const {
    const bool is_any_write = fault.call == SystemCall::kWrite && call == SystemCall::kSyncedWrite;
    return (fault.call == call || is_any_write) &&
           std::ranges::any_of(paths, [this](const std::string& path) {
             return path.find(fault.file_name_contains) != std::string::npos;
           });
  }

  // Counts a call that it is meant for; returns whether it fails.
  bool Hit() {
    if (calls++ < fault.skip || hits >= fault.times) return false;
    ++hits;
    return true;
  }
};

std::string PathOf(const Place& place) {
  if (place.name == nullptr) return PathOfDescriptor(place.fd);
  std::string path = place.name;
  if (!path.starts_with('/')) {
    path = (place.fd == AT_FDCWD ? WorkingDirectory() : PathOfDescriptor(place.fd)) + "/" + path;
  }
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const size_t slash = path.rfind('/');
  const std::string folder = Resolved(path.substr(0, std::max<size_t>(slash, 1)));
  return (folder == "/" ? "" : folder) + path.substr(slash);
}

std::optional<Failure> FailureOf(SystemCall call, std::initializer_list<Place> places) {
  if (observers.load(std::memory_order_acquire) == 0) return std::nullopt;
  const int error = errno;
  std::vector<std::string> paths;
  for (const Place& place : places) paths.push_back(PathOf(place));
  std::optional<Failure> failure;
  {
    std::lock_guard lock(mutex);
    for (const auto& active : Faults()) {
      if (!active->IsMeantFor(call, paths) || !active->Hit()) continue;
      failure = {.error = active->fault.error, .bytes = active->fault.bytes};
      break;
    }
  }
  errno = error;
  return failure;
}

}  // namespace internal

ScopedFault::ScopedFault(Fault fault)
    : fault_(std::make_shared<internal::ActiveFault>(std::move(fault))) {
  std::lock_guard lock(internal::mutex);
  internal::Faults().push_back(fault_);
  internal::observers.fetch_add(1, std::memory_order_release);
}

ScopedFault::~ScopedFault() {
  std::lock_guard lock(internal::mutex);
  internal::observers.fetch_sub(1, std::memory_order_release);
  internal::Faults().remove(fault_);
}

int ScopedFault::hits() const {
  std::lock_guard lock(internal::mutex);
  return fault_->hits;
}

}  // namespace permacache::testing
