// The bytes of an array, as digests take them: the elements in row-major order, of each number the
// little end first. So the digest is the same on every machine and for every layout in memory.
//
// kOrder is the machine's order of bytes, given only by tests.
#ifndef PERMACACHE_KEY_ARRAY_BYTES_H_
#define PERMACACHE_KEY_ARRAY_BYTES_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <ranges>
#include <span>
#include <type_traits>

#include "permacache/hash/hash.h"
#include "permacache/hash/sha256.h"
#include "permacache/key/array_number.h"
#include "permacache/key/array_view.h"

namespace permacache::key {

// What is copied before it is hashed is copied in blocks of this many elements.
inline constexpr size_t kElementsInABlock = 1 << 14;

// Copies the elements first[i * row_step + j * step] of some rows to `out`. Walks through memory in
// the direction in which neighbours are nearer, as each visit to a far one costs a line of the
// cache.
template <class T>
void CopyRows(const T* first, ptrdiff_t row_step, size_t rows, ptrdiff_t step, size_t columns,
              std::remove_const_t<T>* out) {
  const auto element = [=](size_t i, size_t j) -> const T& {
    return first[static_cast<ptrdiff_t>(i) * row_step + static_cast<ptrdiff_t>(j) * step];
  };
  if (std::abs(row_step) < std::abs(step)) {
    for (size_t j = 0; j < columns; ++j) {
      for (size_t i = 0; i < rows; ++i) out[i * columns + j] = element(i, j);
    }
  } else {
    for (size_t i = 0; i < rows; ++i) {
      for (size_t j = 0; j < columns; ++j) out[i * columns + j] = element(i, j);
    }
  }
}

// Copies the elements from the first-th on, counted in row-major order, until `out` is full.
template <class T>
void CopyElements(const ArrayView<T>& view, size_t first, std::span<std::remove_const_t<T>> out) {
  if (out.empty()) return;
  if (view.rank() == 0) {
    out[0] = *view.data();
    return;
  }
  // A row is what the last index runs through, a plane what the last two do.
  const size_t last = view.rank() - 1;
  const size_t columns = view.shape()[last];
  const size_t rows_in_plane = last > 0 ? view.shape()[last - 1] : 1;
  const ptrdiff_t row_step = last > 0 ? view.strides()[last - 1] : 0;
  while (!out.empty()) {
    ptrdiff_t offset = 0;
    for (size_t i = view.rank(), rest = first; i > 0; --i) {
      offset += static_cast<ptrdiff_t>(rest % view.shape()[i - 1]) * view.strides()[i - 1];
      rest /= view.shape()[i - 1];
    }
    const size_t column = first % columns;
    const size_t whole_rows =
        column > 0
            ? 0
            : std::min(out.size() / columns, rows_in_plane - first / columns % rows_in_plane);
    const size_t rows = std::max<size_t>(whole_rows, 1);
    const size_t count =
        whole_rows > 0 ? whole_rows * columns : std::min(columns - column, out.size());
    CopyRows(view.data() + offset, row_step, rows, view.strides()[last], count / rows, out.data());
    out = out.subspan(count);
    first += count;
  }
}

// Turns numbers as they lie in memory into their bytes, the little end first.
template <std::endian kOrder = std::endian::native, ArrayNumber T>
void PutLittleEndFirst(std::span<T> numbers) {
  if constexpr (kOrder == std::endian::big && kHasByteOrder<T>) {
    std::span<std::byte> bytes = std::as_writable_bytes(numbers);
    for (; !bytes.empty(); bytes = bytes.subspan(kWordSize<T>)) {
      std::ranges::reverse(bytes.first(kWordSize<T>));
    }
  }
}

// Calls consume(bytes) with all bytes of the array, in their order, in one or several pieces.
template <std::endian kOrder = std::endian::native, class T, class Consume>
void ForEachPiece(const ArrayView<T>& view, Consume consume) {
  using Number = std::remove_const_t<T>;
  const size_t size = view.size();
  if (view.IsContiguous() && (kOrder == std::endian::little || !kHasByteOrder<Number>)) {
    consume(std::as_bytes(std::span<const Number>(view.data(), size)));
    return;
  }
  const auto block = std::make_unique_for_overwrite<Number[]>(std::min(size, kElementsInABlock));
  for (size_t done = 0; done < size;) {
    const std::span<Number> numbers(block.get(), std::min(size - done, kElementsInABlock));
    CopyElements(view, done, numbers);
    PutLittleEndFirst<kOrder>(numbers);
    consume(std::as_bytes(numbers));
    done += numbers.size();
  }
}

template <std::endian kOrder = std::endian::native, class T>
hash::ContentDigest DigestOfArray(const ArrayView<T>& view) {
  using Number = std::remove_const_t<T>;
  if (view.IsContiguous() && (kOrder == std::endian::little || !kHasByteOrder<Number>)) {
    return hash::DigestOfContent(std::as_bytes(std::span<const Number>(view.data(), view.size())));
  }
  return hash::DigestOfProduced(
      view.size() * sizeof(Number), [&](uint64_t offset, std::span<std::byte> bytes) {
        const std::span<Number> numbers(reinterpret_cast<Number*>(bytes.data()),
                                        bytes.size() / sizeof(Number));
        CopyElements(view, offset / sizeof(Number), numbers);
        PutLittleEndFirst<kOrder>(numbers);
      });
}

template <std::endian kOrder = std::endian::native, class T>
hash::Sha256Digest Sha256OfArray(const ArrayView<T>& view) {
  hash::Sha256Hasher hasher;
  ForEachPiece<kOrder>(view, [&](std::span<const std::byte> bytes) { hasher.Update(bytes); });
  return hasher.Digest();
}

// The same digest for numbers that do not lie in one piece, such as those of a std::deque.
template <std::endian kOrder = std::endian::native, std::ranges::input_range Range>
hash::ContentDigest DigestOfScatteredNumbers(Range&& range) {
  using Number = std::ranges::range_value_t<Range>;
  hash::ContentHasher hasher;
  const auto block = std::make_unique_for_overwrite<Number[]>(kElementsInABlock);
  size_t count = 0;
  const auto flush = [&] {
    const std::span<Number> numbers(block.get(), count);
    PutLittleEndFirst<kOrder>(numbers);
    hasher.Update(std::as_bytes(numbers));
    count = 0;
  };
  for (auto&& number : range) {
    block[count++] = number;
    if (count == kElementsInABlock) flush();
  }
  flush();
  return hasher.Digest();
}

}  // namespace permacache::key

#endif  // PERMACACHE_KEY_ARRAY_BYTES_H_
