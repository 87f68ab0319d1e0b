#include "permacache/key/array_view.h"

#include <array>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "permacache/key/array_bytes.h"
#include "permacache/key/key.h"
#include "permacache/testing/random.h"

namespace permacache {
namespace {

using Shape = std::vector<size_t>;
using Strides = std::vector<ptrdiff_t>;

std::vector<int> CountUp(size_t length) {
  std::vector<int> numbers(length);
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

TEST(ArrayView, HasItsKindShapeAndValues) {
  const std::vector<double> numbers{0, 0.5, 1, 1.5};
  EXPECT_EQ(
      KeyText(ArrayView(numbers.data(), {2, 2})),
      R"({".type": "array", "dtype": "f8", "shape": [2, 2], "values": [0.0, 0.5, 1.0, 1.5]})");
}

TEST(ArrayView, TakesIntegersOfAnyTypesInBraces) {
  const std::vector<int> numbers = CountUp(6);
  const size_t two = 2;
  const int three = 3;
  const std::string expected = KeyText(ArrayView(numbers.data(), {2, 3}));
  EXPECT_EQ(KeyText(ArrayView(numbers.data(), {two, three})), expected);
  EXPECT_EQ(KeyText(ArrayView(numbers.data(), {2u, 3})), expected);
  EXPECT_EQ(KeyText(ArrayView(numbers.data(), {numbers.size() / 3, 3})), expected);
  EXPECT_EQ(KeyText(ArrayView<const int>(numbers.data(), {two, 3})), expected);
  EXPECT_EQ(KeyText(ArrayView(numbers.data(), {three, two}, {1, three})),
            KeyText(ArrayView(numbers.data(), {3, 2}, {1, 3})));
  EXPECT_EQ(ArrayView(numbers.data(), {}).rank(), 0u);
}

TEST(ArrayView, OfNumbersThatCanBeChangedIsOneOfNumbers) {
  std::vector<int> numbers = CountUp(6);
  const ArrayView<int> writable(numbers.data(), {2, 3});
  writable(1, 2) = 7;
  const ArrayView<const int> view = writable;
  EXPECT_EQ(view(1, 2), 7);
  EXPECT_EQ(KeyText(view), KeyText(writable));
}

TEST(ArrayView, OfManyNumbersIsDigested) {
  const std::vector<int> numbers = CountUp(66);
  std::string expected;
  key::AppendArrayDigest(expected, "i4", Shape{33, 2},
                         hash::DigestOfContent(std::as_bytes(std::span(numbers))));
  EXPECT_EQ(KeyText(ArrayView(numbers.data(), {33, 2})), expected);
}

TEST(ArrayView, OfRankZeroHasOneElement) {
  const float number = 0.5;
  EXPECT_EQ(KeyText(ArrayView<const float>(&number, Shape{})),
            R"({".type": "array", "dtype": "f4", "shape": [], "values": [0.5]})");
}

TEST(ArrayView, WithoutElementsKeepsItsShape) {
  const int* nowhere = nullptr;
  EXPECT_EQ(KeyText(ArrayView(nowhere, {0, 3})),
            R"({".type": "array", "dtype": "i4", "shape": [0, 3], "values": []})");
  EXPECT_NE(KeyText(ArrayView(nowhere, {0, 3})), KeyText(ArrayView(nowhere, {3, 0})));
  EXPECT_NE(KeyText(ArrayView(nowhere, {0})), KeyText(ArrayView(nowhere, {0, 1})));
}

TEST(ArrayView, OfDifferentShapesDiffers) {
  for (const size_t size : {12, 120}) {
    const std::vector<int> numbers = CountUp(size);
    const std::string text = KeyText(ArrayView(numbers.data(), {size / 2, size_t{2}}));
    EXPECT_NE(KeyText(ArrayView(numbers.data(), {size_t{2}, size / 2})), text);
    EXPECT_NE(KeyText(ArrayView(numbers.data(), {size})), text);
    EXPECT_NE(KeyText(ArrayView(numbers.data(), {size / 2, size_t{2}, size_t{1}})), text);
  }
}

TEST(ArrayView, InFortransOrderHasItsElementsInRowMajorOrder) {
  const std::vector<int> columns{1, 4, 2, 5, 3, 6};
  const std::vector<int> rows{1, 2, 3, 4, 5, 6};
  EXPECT_EQ(KeyText(ArrayView(columns.data(), {2, 3}, {1, 2})),
            KeyText(ArrayView(rows.data(), {2, 3})));
}

TEST(ArrayView, ReadsBackwardsAndAgain) {
  const std::vector<int> numbers{1, 2, 3};
  EXPECT_EQ(KeyText(ArrayView(&numbers[2], {3}, {-1})),
            KeyText(ArrayView(std::vector{3, 2, 1}.data(), {3})));
  EXPECT_EQ(KeyText(ArrayView(numbers.data(), {2, 3}, {0, 1})),
            KeyText(ArrayView(std::vector{1, 2, 3, 1, 2, 3}.data(), {2, 3})));
}

TEST(ArrayView, GivesItsElements) {
  std::vector<int> numbers = CountUp(6);
  const ArrayView view(numbers.data(), {2, 3});
  EXPECT_EQ(view(1, 2), 5);
  view(0, 1) = 7;
  EXPECT_EQ(numbers[1], 7);
  EXPECT_EQ(view.size(), 6u);
  EXPECT_EQ(view.rank(), 2u);
}

// A view of random shape and strides into `memory`.
struct RandomView {
  explicit RandomView(std::mt19937_64& random) {
    const size_t rank = random() % 5;
    size_t origin = 0;
    for (size_t i = 0; i < rank; ++i) {
      const size_t extent = random() % (rank == 1 ? 50'000 : 12);
      const auto stride = static_cast<ptrdiff_t>(random() % 31) - 15;
      if (stride < 0 && extent > 0) origin += (extent - 1) * static_cast<size_t>(-stride);
      reach += extent * static_cast<size_t>(stride < 0 ? -stride : stride);
      shape.push_back(extent);
      strides.push_back(stride);
    }
    memory.resize(reach + 1);
    for (int& number : memory) number = static_cast<int>(random());
    data = &memory[origin];
  }

  // The elements one by one, by another way than the library's.
  std::vector<int> Contiguous() const {
    std::vector<int> elements{};
    Walk(0, 0, elements);
    return elements;
  }

  void Walk(size_t dimension, ptrdiff_t offset, std::vector<int>& elements) const {
    if (dimension == shape.size()) {
      elements.push_back(data[offset]);
      return;
    }
    for (size_t i = 0; i < shape[dimension]; ++i) {
      Walk(dimension + 1, offset + static_cast<ptrdiff_t>(i) * strides[dimension], elements);
    }
  }

  size_t reach = 0;
  std::vector<int> memory;
  const int* data = nullptr;
  Shape shape;
  Strides strides;
};

TEST(ArrayViewProperty, WithStridesHasTheTextOfItsContiguousCopy) {
  std::mt19937_64 random = testing::SeededRandom();
  for (int round = 0; round < 300; ++round) {
    const RandomView view(random);
    const std::vector<int> copy = view.Contiguous();
    const ArrayView strided(view.data, view.shape, view.strides);
    const ArrayView contiguous(copy.data(), view.shape);
    ASSERT_EQ(strided.size(), copy.size());
    ASSERT_EQ(KeyText(strided), KeyText(contiguous));
    ASSERT_EQ(KeyText(strided, KeyFormat::kPython), KeyText(contiguous, KeyFormat::kPython));
    if (copy.empty()) continue;
    std::vector<int> changed = copy;
    ++changed[random() % changed.size()];
    ASSERT_NE(KeyText(ArrayView(changed.data(), view.shape)), KeyText(strided));
  }
}

TEST(ArrayViewProperty, CopyElementsBeginsAnywhere) {
  std::mt19937_64 random = testing::SeededRandom();
  for (int round = 0; round < 300; ++round) {
    const RandomView view(random);
    const std::vector<int> copy = view.Contiguous();
    const size_t first = random() % (copy.size() + 1);
    const size_t count = random() % (copy.size() - first + 1);
    std::vector<int> out(count);
    key::CopyElements(ArrayView(view.data, view.shape, view.strides), first, std::span(out));
    ASSERT_EQ(out, std::vector<int>(copy.begin() + static_cast<ptrdiff_t>(first),
                                    copy.begin() + static_cast<ptrdiff_t>(first + count)));
  }
}

TEST(ArrayView, RefusesShapesThatNoMemoryHas) {
  const int* nowhere = nullptr;
  EXPECT_THROW(ArrayView(nowhere, {-1}), std::invalid_argument);
  EXPECT_THROW(ArrayView(nowhere, {2, -3}), std::invalid_argument);
  constexpr size_t kHuge = std::numeric_limits<size_t>::max();
  EXPECT_THROW(ArrayView(nowhere, {kHuge}), std::invalid_argument);
  EXPECT_THROW(ArrayView(nowhere, {kHuge / 2, size_t{8}}), std::invalid_argument);
  EXPECT_THROW(ArrayView(nowhere, {size_t{1} << 32, size_t{1} << 32}), std::invalid_argument);
  EXPECT_NO_THROW(ArrayView(nowhere, {0, 1'000'000}));
}

TEST(ArrayView, RefusesAnotherNumberOfStridesThanOfExtents) {
  const std::vector<int> numbers(6);
  EXPECT_THROW(ArrayView(numbers.data(), Shape{2, 3}, Strides{1}), std::invalid_argument);
  EXPECT_THROW(ArrayView(numbers.data(), Shape{6}, Strides{1, 1}), std::invalid_argument);
}

// As std::mdspan of C++23.
template <class T>
class Matrix {
 public:
  using element_type = T;
  struct mapping_type {};
  Matrix(T* data, std::array<int, 2> extents, std::array<int, 2> strides)
      : data_(data), extents_(extents), strides_(strides) {}

  T* data_handle() const { return data_; }
  static constexpr size_t rank() { return 2; }
  int extent(size_t i) const { return extents_[i]; }
  int stride(size_t i) const { return strides_[i]; }

 private:
  T* data_;
  std::array<int, 2> extents_;
  std::array<int, 2> strides_;
};

TEST(MultidimensionalSpan, HasTheTextOfAnArrayView) {
  std::vector<int> numbers = CountUp(200);
  EXPECT_EQ(KeyText(Matrix<const int>(numbers.data(), {2, 3}, {3, 1})),
            KeyText(ArrayView(numbers.data(), {2, 3})));
  EXPECT_EQ(KeyText(Matrix<int>(numbers.data(), {20, 10}, {1, 20})),
            KeyText(ArrayView(numbers.data(), {20, 10}, {1, 20})));
}

}  // namespace
}  // namespace permacache
