#include "permacache/testing/temporary_directory.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

namespace permacache::testing {

std::filesystem::path ParentOnDisk() {
  const char* parent = std::getenv("TEST_TMPDIR");
  return parent == nullptr ? "/tmp" : parent;
}

std::filesystem::path ParentInMemory() {
  constexpr const char* kMemory = "/dev/shm";
  return access(kMemory, W_OK | X_OK) == 0 ? kMemory : ParentOnDisk();
}

TemporaryDirectory::TemporaryDirectory(const std::filesystem::path& parent) {
  std::string pattern = parent / "permacache-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), "cannot make " + pattern);
  }
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace permacache::testing
