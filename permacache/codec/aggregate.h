// Aggregates for cereal: field by field, without a line of user code.
#ifndef PERMACACHE_CODEC_AGGREGATE_H_
#define PERMACACHE_CODEC_AGGREGATE_H_

#include <cereal/cereal.hpp>
#include <cstdint>
#include <string_view>

#include "permacache/codec/archive.h"
#include "permacache/codec/json_archive.h"
#include "permacache/reflection/reflection.h"

namespace permacache::codec {
namespace internal {

// An archive that nothing here writes functions for: what it can serialize, cereal or the user
// has provided for.
struct ForeignArchive : cereal::OutputArchive<ForeignArchive> {
  ForeignArchive() : OutputArchive(this) {}
};

}  // namespace internal

// Whether cereal or the user has said how a T falls into parts.
template <class T>
concept KnownToCereal = cereal::traits::is_output_serializable<T, internal::ForeignArchive>::value;

template <class T>
concept PlainAggregate = reflection::Aggregate<T> && !KnownToCereal<T>;

// An aggregate without fields takes one byte, like every other element at least.
template <PlainAggregate T>
void CEREAL_SAVE_FUNCTION_NAME(Encoder& encoder, const T& value) {
  reflection::ForEachField(value, [&](std::string_view, const auto& field) { encoder(field); });
  if constexpr (reflection::kFieldCount<T> == 0) encoder.PutNumber<uint8_t>(0);
}

template <PlainAggregate T>
void CEREAL_SAVE_FUNCTION_NAME(JsonEncoder& encoder, const T& value) {
  reflection::ForEachField(value, [&](std::string_view name, const auto& field) {
    encoder.SetName(name);
    encoder(field);
  });
}

template <PlainAggregate T>
void CEREAL_LOAD_FUNCTION_NAME(JsonDecoder& decoder, T& value) {
  reflection::ForEachField(value, [&](std::string_view name, auto& field) {
    decoder.SetName(name);
    decoder(field);
  });
}

template <PlainAggregate T>
void CEREAL_LOAD_FUNCTION_NAME(Decoder& decoder, T& value) {
  reflection::ForEachField(value, [&](std::string_view, auto& field) { decoder(field); });
  if constexpr (reflection::kFieldCount<T> == 0) decoder.TakeNumber<uint8_t>();
}

}  // namespace permacache::codec

#endif  // PERMACACHE_CODEC_AGGREGATE_H_
