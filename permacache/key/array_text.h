// The text of arrays of numbers: readable while they are short, then kind, shape and digest.
#ifndef PERMACACHE_KEY_ARRAY_TEXT_H_
#define PERMACACHE_KEY_ARRAY_TEXT_H_

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "permacache/key/array_bytes.h"
#include "permacache/key/array_number.h"
#include "permacache/key/array_view.h"
#include "permacache/key/object_text.h"

namespace permacache::key {

// An array of more numbers than this is digested, a shorter one is readable.
inline constexpr size_t kLongestReadableArray = 64;

// {".type": "array", "blake3": "...", "dtype": "f8", "shape": [1000]}
void AppendArrayDigest(std::string& text, std::string_view data_type, std::span<const size_t> shape,
                       const hash::ContentDigest& digest);

// {".type": "array", "dtype": "f8", "shape": [2, 2], "values": [0.0, 0.5, 1.0, 1.5]}
template <class T>
void AppendReadableArray(Output& out, const ArrayView<T>& view) {
  using Number = std::remove_const_t<T>;
  std::array<Number, kLongestReadableArray> buffer;
  const std::span<Number> values(buffer.data(), view.size());
  CopyElements(view, 0, values);
  ObjectText object(out);
  object.Member(".type", std::string_view("array"));
  object.Member("dtype", std::string_view(DataType<Number>()));
  object.Name("shape");
  AppendList(out, view.shape());
  object.Name("values");
  AppendList(out, values);
  object.End();
}

// The view that a span of several dimensions is.
template <class Span>
ArrayView<typename Span::element_type> ViewOf(const Span& span) {
  std::vector<size_t> shape;
  std::vector<ptrdiff_t> strides;
  for (size_t i = 0; i < Span::rank(); ++i) {
    shape.push_back(static_cast<size_t>(span.extent(i)));
    strides.push_back(static_cast<ptrdiff_t>(span.stride(i)));
  }
  return {span.data_handle(), shape, strides};
}

template <class T>
void AppendArrayView(Output& out, const ArrayView<T>& view) {
  if (out.format == KeyFormat::kPython) {
    AppendString(out.text, hash::Hex(Sha256OfArray(view)));
  } else if (view.size() <= kLongestReadableArray) {
    AppendReadableArray(out, view);
  } else {
    AppendArrayDigest(out.text, DataType<std::remove_const_t<T>>(), view.shape(),
                      DigestOfArray(view));
  }
}

}  // namespace permacache::key

#endif  // PERMACACHE_KEY_ARRAY_TEXT_H_
