// Writing a key allocates nothing but the text.
#include <atomic>
#include <cstdlib>
#include <new>
#include <string>
#include <tuple>

#include "gtest/gtest.h"
#include "permacache/key/key.h"

namespace {

std::atomic<int> allocations = 0;

void* Allocate(size_t size) {
  ++allocations;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(size_t size) { return Allocate(size); }
void* operator new[](size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace permacache {
namespace {

struct Settings {
  int width = 640;
  int height = 480;
  double tolerance = 1e-6;
  bool verbose = false;
  std::string name = "wing";
};

template <class T>
int AllocationsOf(const T& value) {
  const int before = allocations;
  const std::string text = KeyText(value);
  return allocations - before;
}

TEST(Allocations, OfTheKeyOfATupleAreItsText) {
  EXPECT_EQ(AllocationsOf(std::tuple<int, double, std::string>(12, 0.25, "short")), 1);
}

TEST(Allocations, OfTheKeyOfAnAggregateAreItsText) { EXPECT_EQ(AllocationsOf(Settings()), 1); }

// A text that is longer than is expected grows with it.
TEST(Allocations, OfALongerTextAreThoseOfAGrowingString) {
  std::string grown;
  grown.reserve(256);
  const int before = allocations;
  grown.reserve(512);
  const int growing = allocations - before;
  Settings settings;
  settings.name.assign(300, 'x');
  EXPECT_LE(AllocationsOf(settings), 1 + growing);
}

}  // namespace
}  // namespace permacache
