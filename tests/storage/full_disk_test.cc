// Disks that are really full, as far as this process may make some.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>

#include "permacache/storage/store.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/temporary_directory.h"
#include "tests/storage/faults.h"

namespace permacache::testing {
namespace {

namespace fs = std::filesystem;

using storage::Store;

constexpr int kCannotMount = 77;

// Runs `body` in a process that sees a disk of this size at the directory.
int WithDisk(const fs::path& directory, const std::string& size, const std::function<int()>& body) {
  return WaitForProcess(StartProcess([&] {
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", directory.c_str(), "tmpfs", 0, ("size=" + size).c_str()) != 0) {
      return kCannotMount;
    }
    return body();
  }));
}

bool ResizeDisk(const fs::path& directory, const std::string& size) {
  return mount("tmpfs", directory.c_str(), "tmpfs", MS_REMOUNT, ("size=" + size).c_str()) == 0;
}

// Returns a process' exit code, having said why.
int Say(const absl::Status& status, int code) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return code;
}

// Puts until it cannot; returns how many were stored, or -1 if it was refused for another reason.
int PutUntil(Store& store, absl::StatusCode code) {
  for (int stored = 0;; ++stored) {
    const absl::Status status = store.Put(std::to_string(stored), {.value = kOld});
    if (status.ok()) continue;
    return status.code() == code ? stored : Say(status, -1);
  }
}

bool HasAll(Store& store, int stored) {
  for (int i = 0; i < stored; ++i) {
    if (ValueOf(store, std::to_string(i)) != kOld) return false;
  }
  return true;
}

TEST(LmdbDisk, ThatIsFullIsResourceExhaustedUntilThereIsRoom) {
  const TemporaryDirectory directory;
  const int code = WithDisk(directory.path(), "512k", [&] {
    const auto store = *OpenLmdb(directory.path());
    const int stored = PutUntil(*store, absl::StatusCode::kResourceExhausted);
    if (stored < 10) return 1;
    if (!HasAll(*store, stored)) return 2;
    if (!absl::IsResourceExhausted(store->Put("0", {.value = kNew}))) return 3;
    if (!HasAll(*store, stored)) return 4;
    if (!ResizeDisk(directory.path(), "1m")) return 5;
    if (!store->Put("0", {.value = kNew}).ok() || ValueOf(*store, "0") != kNew) return 6;
    return store->Size().value_or(0) == stored ? 0 : 7;
  });
  if (code == kCannotMount) GTEST_SKIP() << "a disk of its own takes root";
  EXPECT_EQ(code, 0);
}

// Makes a cache on a disk of so many pages. Returns 1 if they are enough for a result, 0 if not,
// and the cache is sound once there are more; else what is wrong.
int MakeCacheOnDisk(const fs::path& directory, int pages) {
  return WithDisk(directory, std::to_string(4 * pages) + "k", [&] {
    absl::Status status;
    {
      const auto store = OpenLmdb(directory);
      status = store.ok() ? (*store)->Put("key", {.value = kOld}) : store.status();
    }
    if (status.ok()) return 1;
    if (!absl::IsResourceExhausted(status)) return Say(status, 2);
    if (!ResizeDisk(directory, "1m")) return 3;
    const auto store = OpenLmdb(directory);
    if (!store.ok()) return Say(store.status(), 4);
    status = (*store)->Put("key", {.value = kNew});
    return status.ok() && ValueOf(**store, "key") == kNew ? 0 : Say(status, 5);
  });
}

// From room for a part of the lock file to room for the first result.
TEST(LmdbDisk, ThatIsTooSmallForACacheIsResourceExhaustedUntilThereIsRoom) {
  int code = 0;
  for (int pages = 1; code == 0; ++pages) {
    SCOPED_TRACE(pages);
    const TemporaryDirectory directory;
    code = MakeCacheOnDisk(directory.path(), pages);
    if (code == kCannotMount) GTEST_SKIP() << "a disk of its own takes root";
  }
  EXPECT_EQ(code, 1);
}

// The system then cuts a write short or refuses it.
TEST(LmdbDisk, FilesThatMayNotGrowAreAnErrorUntilTheyMay) {
  const TemporaryDirectory directory;
  EXPECT_EQ(RunProcesses(1,
                         [&](int) {
                           rlimit limit;
                           if (getrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
                           limit.rlim_cur = 300'000;
                           std::signal(SIGXFSZ, SIG_IGN);
                           if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
                           const auto store = *OpenLmdb(directory.path());
                           int stored = 0;
                           while (store->Put(std::to_string(stored), {.value = kOld}).ok()) {
                             ++stored;
                           }
                           if (stored < 10 || !HasAll(*store, stored)) return 3;
                           limit.rlim_cur = limit.rlim_max;
                           if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 4;
                           if (!store->Put("key", {.value = kNew}).ok()) return 5;
                           return HasAll(*store, stored) ? 0 : 6;
                         }),
            0);
}

}  // namespace
}  // namespace permacache::testing
