// A directory for one test, removed with all that is in it.
#ifndef PERMACACHE_TESTING_TEMPORARY_DIRECTORY_H_
#define PERMACACHE_TESTING_TEMPORARY_DIRECTORY_H_

#include <filesystem>

namespace permacache::testing {

class TemporaryDirectory {
 public:
  TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace permacache::testing

#endif  // PERMACACHE_TESTING_TEMPORARY_DIRECTORY_H_
