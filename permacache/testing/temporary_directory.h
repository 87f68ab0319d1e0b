// A directory for one test, removed with all that is in it.
#ifndef PERMACACHE_TESTING_TEMPORARY_DIRECTORY_H_
#define PERMACACHE_TESTING_TEMPORARY_DIRECTORY_H_

#include <filesystem>

namespace permacache::testing {

// Where directories are made: $TEST_TMPDIR or /tmp.
std::filesystem::path ParentOnDisk();

// In memory where the system has such a place, for tests that sync more than a disk could: else the
// same.
std::filesystem::path ParentInMemory();

class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(const std::filesystem::path& parent = ParentOnDisk());
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace permacache::testing

#endif  // PERMACACHE_TESTING_TEMPORARY_DIRECTORY_H_
