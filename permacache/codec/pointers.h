// Smart pointers, in the form that cereal/types/memory.hpp gives them.
//
// Without that header, as its support for polymorphic classes takes longer to compile than the rest
// of cereal does, and would need each class to be registered for the archives here. It is needed
// for classes that are made by cereal's load_and_construct, and may be included beside this.
#ifndef PERMACACHE_CODEC_POINTERS_H_
#define PERMACACHE_CODEC_POINTERS_H_

#include <cereal/cereal.hpp>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "permacache/codec/archive.h"
#include "permacache/codec/json_archive.h"

namespace cereal::memory_detail {
template <class Pointer>
struct PtrWrapper;  // of cereal/types/memory.hpp
}  // namespace cereal::memory_detail

namespace permacache::codec {
namespace internal {

// What a pointer points to, which cereal has in a node of its own.
template <class Pointer>
struct Target {
  explicit Target(Pointer& of) : pointer(of) {}  // as an aggregate its fields would be written

  Pointer& pointer;
};

template <class Pointer>
auto TargetOf(Pointer& pointer) {
  return cereal::make_nvp("ptr_wrapper", Target<Pointer>(pointer));
}

template <class T>
concept NotPolymorphic = !std::is_polymorphic_v<T>;

template <class T, class Archive>
concept LoadedAndConstructed = cereal::traits::has_load_and_construct<T, Archive>::value;

template <class T>
concept Complete = requires {
  sizeof(T);
};

// Its address tells one type from all others.
template <class T>
inline constexpr char kSharedType = 0;

template <class Archive, class Pointer>
void LoadTarget(Archive& decoder, Pointer& pointer) {
  using T = typename Pointer::element_type;
  if constexpr (LoadedAndConstructed<T, Archive>) {
    using Wrapper = cereal::memory_detail::PtrWrapper<Pointer&>;
    static_assert(Complete<Wrapper>,
                  "permacache: a class with load_and_construct, to which a result points, needs "
                  "#include <cereal/types/memory.hpp> before permacache.h");
    if constexpr (Complete<Wrapper>) decoder(cereal::make_nvp("ptr_wrapper", Wrapper(pointer)));
  } else {
    decoder(TargetOf(pointer));
  }
}

template <OwnEncoder Archive, class T, class Deleter>
void CEREAL_SAVE_FUNCTION_NAME(Archive& encoder,
                               const Target<const std::unique_ptr<T, Deleter>>& target) {
  encoder(cereal::make_nvp("valid", static_cast<uint8_t>(target.pointer != nullptr)));
  if (target.pointer != nullptr) encoder(cereal::make_nvp("data", *target.pointer));
}

template <OwnDecoder Archive, class T, class Deleter>
void CEREAL_LOAD_FUNCTION_NAME(Archive& decoder, Target<std::unique_ptr<T, Deleter>>& target) {
  uint8_t is_valid = 0;
  decoder(cereal::make_nvp("valid", is_valid));
  if (is_valid == 0) return target.pointer.reset();
  std::unique_ptr<std::remove_const_t<T>, Deleter> made(
      cereal::access::construct<std::remove_const_t<T>>());
  decoder(cereal::make_nvp("data", *made));
  target.pointer = std::move(made);
}

template <OwnEncoder Archive, class T>
void CEREAL_SAVE_FUNCTION_NAME(Archive& encoder, const Target<const std::shared_ptr<T>>& target) {
  const uint32_t id = encoder.registerSharedPointer(target.pointer);
  encoder(cereal::make_nvp("id", id));
  if (id & cereal::detail::msb_32bit) encoder(cereal::make_nvp("data", *target.pointer));
}

template <OwnDecoder Archive, class T>
void CEREAL_LOAD_FUNCTION_NAME(Archive& decoder, Target<std::shared_ptr<T>>& target) {
  uint32_t id = 0;
  decoder(cereal::make_nvp("id", id));
  if (id & cereal::detail::msb_32bit) {
    std::shared_ptr<std::remove_const_t<T>> made(
        cereal::access::construct<std::remove_const_t<T>>());
    decoder.registerSharedPointer(id, made);
    decoder(cereal::make_nvp("data", *made));
    target.pointer = std::move(made);
  } else {
    target.pointer = std::static_pointer_cast<T>(decoder.getSharedPointer(id));
  }
}

template <class Archive, class T>
void LoadShared(Archive& decoder, std::shared_ptr<T>& pointer) {
  decoder.ExpectShared(&kSharedType<std::remove_const_t<T>>);
  LoadTarget(decoder, pointer);
}

template <class Archive, class T>
void SaveWeak(Archive& encoder, const std::weak_ptr<T>& pointer) {
  const std::shared_ptr<T> shared = pointer.lock();
  encoder(TargetOf(shared));
}

template <class Archive, class T>
void LoadWeak(Archive& decoder, std::weak_ptr<T>& pointer) {
  std::shared_ptr<T> shared;
  LoadShared(decoder, shared);
  pointer = shared;
}

}  // namespace internal

// One for each archive, to be preferred to those of cereal/types/memory.hpp, which are for any.

template <internal::NotPolymorphic T, class Deleter>
void CEREAL_SAVE_FUNCTION_NAME(Encoder& encoder, const std::unique_ptr<T, Deleter>& pointer) {
  encoder(internal::TargetOf(pointer));
}

template <internal::NotPolymorphic T, class Deleter>
void CEREAL_LOAD_FUNCTION_NAME(Decoder& decoder, std::unique_ptr<T, Deleter>& pointer) {
  internal::LoadTarget(decoder, pointer);
}

template <internal::NotPolymorphic T>
void CEREAL_SAVE_FUNCTION_NAME(Encoder& encoder, const std::shared_ptr<T>& pointer) {
  encoder(internal::TargetOf(pointer));
}

template <internal::NotPolymorphic T>
void CEREAL_LOAD_FUNCTION_NAME(Decoder& decoder, std::shared_ptr<T>& pointer) {
  internal::LoadShared(decoder, pointer);
}

template <internal::NotPolymorphic T>
void CEREAL_SAVE_FUNCTION_NAME(Encoder& encoder, const std::weak_ptr<T>& pointer) {
  internal::SaveWeak(encoder, pointer);
}

template <internal::NotPolymorphic T>
void CEREAL_LOAD_FUNCTION_NAME(Decoder& decoder, std::weak_ptr<T>& pointer) {
  internal::LoadWeak(decoder, pointer);
}

template <internal::NotPolymorphic T, class Deleter>
void CEREAL_SAVE_FUNCTION_NAME(JsonEncoder& encoder, const std::unique_ptr<T, Deleter>& pointer) {
  encoder(internal::TargetOf(pointer));
}

template <internal::NotPolymorphic T, class Deleter>
void CEREAL_LOAD_FUNCTION_NAME(JsonDecoder& decoder, std::unique_ptr<T, Deleter>& pointer) {
  internal::LoadTarget(decoder, pointer);
}

template <internal::NotPolymorphic T>
void CEREAL_SAVE_FUNCTION_NAME(JsonEncoder& encoder, const std::shared_ptr<T>& pointer) {
  encoder(internal::TargetOf(pointer));
}

template <internal::NotPolymorphic T>
void CEREAL_LOAD_FUNCTION_NAME(JsonDecoder& decoder, std::shared_ptr<T>& pointer) {
  internal::LoadShared(decoder, pointer);
}

template <internal::NotPolymorphic T>
void CEREAL_SAVE_FUNCTION_NAME(JsonEncoder& encoder, const std::weak_ptr<T>& pointer) {
  internal::SaveWeak(encoder, pointer);
}

template <internal::NotPolymorphic T>
void CEREAL_LOAD_FUNCTION_NAME(JsonDecoder& decoder, std::weak_ptr<T>& pointer) {
  internal::LoadWeak(decoder, pointer);
}

}  // namespace permacache::codec

#endif  // PERMACACHE_CODEC_POINTERS_H_
