// The exceptions of this library.
#ifndef PERMACACHE_CATALOG_ERROR_H_
#define PERMACACHE_CATALOG_ERROR_H_

#include <stdexcept>

namespace permacache {

// A cache cannot be used as asked. what() says what is wrong, where, and what to do.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace permacache

#endif  // PERMACACHE_CATALOG_ERROR_H_
