#include "permacache/storage/address_space.h"

#include <sys/mman.h>

#include <algorithm>

namespace permacache::storage {
namespace {

constexpr size_t kLeastMapSize = size_t{1} << 20;

// Where address space is short, how much of it is left to the rest of the program: a map takes one
// part in so many.
constexpr size_t kShareOfScarceSpace = 16;

}  // namespace

bool IsSpaceFor(size_t size) {
  void* space = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (space == MAP_FAILED) return false;
  munmap(space, size);
  return true;
}

size_t AffordableMapSize(size_t wanted) {
  if (IsSpaceFor(wanted)) return wanted;
  size_t size = wanted / 2;
  while (size > kLeastMapSize && !IsSpaceFor(size)) size /= 2;
  return std::max(size / kShareOfScarceSpace, kLeastMapSize);
}

}  // namespace permacache::storage
