// ArrayView: an n-dimensional array of numbers in somebody else's memory, as an argument.
#ifndef PERMACACHE_KEY_ARRAY_VIEW_H_
#define PERMACACHE_KEY_ARRAY_VIEW_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <ranges>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "permacache/key/array_number.h"

namespace permacache {
namespace key::internal {

// An integer of any type. What an int64_t cannot hold becomes negative.
struct Index {
  template <std::integral T>
  constexpr Index(T integer) : value(static_cast<int64_t>(integer)) {}  // NOLINT: implicit

  int64_t value;
};

inline std::vector<int64_t> IndicesOf(std::initializer_list<Index> list) {
  std::vector<int64_t> indices;
  for (const Index& index : list) indices.push_back(index.value);
  return indices;
}

}  // namespace key::internal

// What identifies an array is its kind of number, its shape and its elements in row-major order
// (the last index runs fastest): a view with strides has the key of its contiguous copy.
//
//   permacache::ArrayView<const float> image(data, {rows, columns});
//   permacache::ArrayView<const float> transposed(data, {columns, rows}, {1, columns});
//   image(2, 5);                  // the element, unchecked
//   image.shape();                // {rows, columns}
//
// Shape and strides count elements, not bytes. Strides may be zero or negative; `data` is the
// element whose indices are all zero. An array of rank 0, with the shape {}, has one element.
//
// The memory must outlive the view and not change during a call. A view that is not changed may be
// used by several threads. A negative extent, or more elements than a memory can have, throws
// std::invalid_argument, as does another number of strides than of extents.
template <class T>
class ArrayView {
  static_assert(key::ArrayNumber<std::remove_const_t<T>>,
                "permacache: ArrayView is of numbers whose bytes are all that they are: integers, "
                "float, double, std::complex of these, bool, char, std::byte. Structs may have "
                "padding between their fields, and long double has it; take std::span instead, "
                "whose elements are written one by one");

 public:
  using element_type = T;
  using value_type = std::remove_const_t<T>;

  // Contiguous, in row-major order. The shape is a range of integers, or in braces integers of any
  // types.
  ArrayView(T* data, std::initializer_list<key::internal::Index> shape)
      : ArrayView(data, key::internal::IndicesOf(shape)) {}

  template <std::ranges::sized_range Shape>
  requires std::integral<std::ranges::range_value_t<Shape>> ArrayView(T* data, const Shape& shape)
      : data_(data) {
    SetShape(shape);
    strides_.resize(shape_.size());
    ptrdiff_t stride = 1;
    for (size_t i = shape_.size(); i > 0; --i) {
      strides_[i - 1] = stride;
      stride *= static_cast<ptrdiff_t>(shape_[i - 1]);
    }
  }

  // With a stride for each extent.
  ArrayView(T* data, std::initializer_list<key::internal::Index> shape,
            std::initializer_list<key::internal::Index> strides)
      : ArrayView(data, key::internal::IndicesOf(shape), key::internal::IndicesOf(strides)) {}

  template <std::ranges::sized_range Shape, std::ranges::sized_range Strides>
  requires std::integral<std::ranges::range_value_t<Shape>> &&
      std::integral<std::ranges::range_value_t<Strides>>
      ArrayView(T* data, const Shape& shape, const Strides& strides) : data_(data) {
    SetShape(shape);
    if (std::ranges::size(strides) != std::ranges::size(shape)) {
      throw std::invalid_argument(
          "permacache: an ArrayView needs as many strides as its shape has extents");
    }
    for (const auto stride : strides) strides_.push_back(static_cast<ptrdiff_t>(stride));
  }

  // A view of numbers that can be changed is one of numbers, too.
  template <class Mutable>
  requires std::is_same_v<const Mutable, T> ArrayView(const ArrayView<Mutable>& view)  // NOLINT
      : data_(view.data()), shape_(view.shape()), strides_(view.strides()) {}

  T* data() const { return data_; }
  size_t rank() const { return shape_.size(); }
  const std::vector<size_t>& shape() const { return shape_; }
  const std::vector<ptrdiff_t>& strides() const { return strides_; }

  // The number of elements.
  size_t size() const {
    size_t size = 1;
    for (const size_t extent : shape_) size *= extent;
    return size;
  }

  // The element with these indices, one per dimension. Not checked.
  template <std::integral... Index>
  T& operator()(Index... index) const {
    ptrdiff_t offset = 0;
    size_t dimension = 0;
    ((offset += static_cast<ptrdiff_t>(index) * strides_[dimension++]), ...);
    return data_[offset];
  }

  // Whether the elements lie one after the other in row-major order.
  bool IsContiguous() const {
    if (size() == 0) return true;
    ptrdiff_t expected = 1;
    for (size_t i = rank(); i > 0; --i) {
      if (shape_[i - 1] != 1 && strides_[i - 1] != expected) return false;
      expected *= static_cast<ptrdiff_t>(shape_[i - 1]);
    }
    return true;
  }

 private:
  template <class Shape>
  void SetShape(const Shape& shape) {
    constexpr auto kMost = static_cast<size_t>(std::numeric_limits<ptrdiff_t>::max()) / sizeof(T);
    size_t product = 1;  // of the extents that are not zero, as strides are made of them
    for (const auto extent : shape) {
      if (std::cmp_less(extent, 0)) {
        throw std::invalid_argument(
            "permacache: the shape of an ArrayView has a negative or too large extent");
      }
      const auto positive = static_cast<size_t>(extent);
      if (positive > 0 && product > kMost / positive) {
        throw std::invalid_argument(
            "permacache: the shape of an ArrayView has more elements than a memory can have");
      }
      if (positive > 0) product *= positive;
      shape_.push_back(positive);
    }
  }

  T* data_;
  std::vector<size_t> shape_;
  std::vector<ptrdiff_t> strides_;
};

}  // namespace permacache

#endif  // PERMACACHE_KEY_ARRAY_VIEW_H_
