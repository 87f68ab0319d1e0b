// The bytes of an array, as digests take them: the elements in row-major order, of each number the
// little end first. So the digest is the same on every machine and for every layout in memory.
//
// kOrder is the machine's order of bytes, given only by tests.
#ifndef PERMACACHE_KEY_ARRAY_BYTES_H_
#define PERMACACHE_KEY_ARRAY_BYTES_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <memory>
#include <ranges>
#include <span>
#include <type_traits>
#include <vector>

#include "permacache/hash/hash.h"
#include "permacache/hash/sha256.h"
#include "permacache/key/array_number.h"
#include "permacache/key/array_view.h"

namespace permacache::key {

// What is copied before it is hashed is copied in blocks of this many elements.
inline constexpr size_t kElementsInABlock = 1 << 14;

// Copies the elements from the first-th on, counted in row-major order, until `out` is full.
template <class T>
void CopyElements(const ArrayView<T>& view, size_t first, std::span<std::remove_const_t<T>> out) {
  if (out.empty()) return;
  if (view.rank() == 0) {
    out[0] = *view.data();
    return;
  }
  const size_t last_dimension = view.rank() - 1;
  const ptrdiff_t step = view.strides()[last_dimension];
  std::vector<size_t> index(view.rank());
  for (size_t i = view.rank(); i > 0; --i) {
    index[i - 1] = first % view.shape()[i - 1];
    first /= view.shape()[i - 1];
  }
  while (!out.empty()) {
    ptrdiff_t offset = 0;
    for (size_t i = 0; i < view.rank(); ++i) {
      offset += static_cast<ptrdiff_t>(index[i]) * view.strides()[i];
    }
    const size_t left_in_row = view.shape()[last_dimension] - index[last_dimension];
    const size_t count = std::min(left_in_row, out.size());
    for (size_t i = 0; i < count; ++i) {
      out[i] = view.data()[offset + static_cast<ptrdiff_t>(i) * step];
    }
    out = out.subspan(count);
    index[last_dimension] = 0;
    for (size_t i = last_dimension; i > 0; --i) {
      if (++index[i - 1] < view.shape()[i - 1]) break;
      index[i - 1] = 0;
    }
  }
}

// Turns numbers as they lie in memory into their bytes, the little end first.
template <std::endian kOrder = std::endian::native, ArrayNumber T>
void PutLittleEndFirst(std::span<T> numbers) {
  if constexpr (kOrder == std::endian::big && kWordSize < T >> 1) {
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
  if (view.IsContiguous() && (kOrder == std::endian::little || kWordSize<Number> == 1)) {
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
  if (view.IsContiguous() && (kOrder == std::endian::little || kWordSize<Number> == 1)) {
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
