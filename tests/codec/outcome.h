// What comes of decoding bytes that may be damaged.
#ifndef TESTS_CODEC_OUTCOME_H_
#define TESTS_CODEC_OUTCOME_H_

#include <optional>
#include <string_view>

#include "permacache/codec/codec.h"

namespace permacache::codec {

enum class Outcome { kDecoded, kOtherType, kDamaged };

template <class T>
Outcome OutcomeOf(std::string_view bytes) {
  try {
    return Decode<T>(bytes).has_value() ? Outcome::kDecoded : Outcome::kOtherType;
  } catch (const DecodeError&) {
    return Outcome::kDamaged;
  }
}

// Touches the whole of what can be decoded, for a sanitizer to see.
template <class T>
Outcome Use(std::string_view bytes) {
  try {
    const std::optional<T> decoded = Decode<T>(bytes);
    if (decoded) (void)Encode(*decoded);
    return decoded ? Outcome::kDecoded : Outcome::kOtherType;
  } catch (const DecodeError&) {
    return Outcome::kDamaged;
  }
}

}  // namespace permacache::codec

#endif  // TESTS_CODEC_OUTCOME_H_
