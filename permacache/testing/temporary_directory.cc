#include "permacache/testing/temporary_directory.h"

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

namespace permacache::testing {

TemporaryDirectory::TemporaryDirectory() {
  const char* parent = std::getenv("TEST_TMPDIR");
  std::string pattern = std::string(parent == nullptr ? "/tmp" : parent) + "/permacache-XXXXXX";
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
