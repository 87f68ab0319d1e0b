// Results as bytes, and back.
//
// The bytes mean the same on every machine; FORMAT.md beside this file specifies them. Results may
// be made of booleans, numbers, enums, strings, the standard's containers, optional, variant,
// pairs, tuples, smart pointers, chrono, complex, aggregates of these without a line of user code,
// and of every type with cereal's serialize or save and load functions. Vectors and arrays of
// numbers are copied in bulk. A type must be default-constructible.
//
// Pure functions, safe from any thread.
#ifndef PERMACACHE_CODEC_CODEC_H_
#define PERMACACHE_CODEC_CODEC_H_

#include <cereal/types/array.hpp>
#include <cereal/types/bitset.hpp>
#include <cereal/types/chrono.hpp>
#include <cereal/types/complex.hpp>
#include <cereal/types/deque.hpp>
#include <cereal/types/forward_list.hpp>
#include <cereal/types/list.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/memory.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/set.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/tuple.hpp>
#include <cereal/types/unordered_map.hpp>
#include <cereal/types/unordered_set.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/variant.hpp>
#include <cereal/types/vector.hpp>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/codec/aggregate.h"
#include "permacache/codec/archive.h"
#include "permacache/codec/shape.h"

namespace permacache::codec {

// Throws what copying parts of `value` throws, std::bad_alloc at most.
template <class T>
std::string Encode(const T& value) {
  std::string bytes;
  Encoder encoder(&bytes);
  encoder.PutNumber(Fingerprint<T>());
  encoder(value);
  return bytes;
}

// Whether `bytes` begin like a value of exactly the type T.
template <class T>
bool HasShapeOf(std::string_view bytes) {
  if (bytes.size() < sizeof(uint64_t)) return false;
  return Decoder(bytes).TakeNumber<uint64_t>() == Fingerprint<T>();
}

// kFailedPrecondition: a value of another type, or of T as it was before a change.
// kDataLoss: a T, but with too few, too many or impossible bytes.
template <class T>
absl::StatusOr<T> Decode(std::string_view bytes) {
  static_assert(std::is_default_constructible_v<T>,
                "permacache: a result must be default-constructible, as reading it back fills in "
                "an empty one");
  if (!HasShapeOf<T>(bytes)) {
    return absl::FailedPreconditionError("the stored value is of another type: not " + Shape<T>());
  }
  try {
    Decoder decoder(bytes.substr(sizeof(uint64_t)));
    T value{};
    decoder(value);
    if (!decoder.AtEnd()) return absl::DataLossError("the value goes on after its last field");
    return value;
  } catch (const std::exception& error) {
    return absl::DataLossError(std::string("the stored value cannot be decoded: ") + error.what());
  }
}

}  // namespace permacache::codec

#endif  // PERMACACHE_CODEC_CODEC_H_
