// Keys: a C++ value as canonical text.
//
// Equal values have equal texts, different values of one type have different texts, with every
// compiler, on every machine, in every run and in every later version of this library. The text
// is JSON in ASCII that people can read; FORMAT.md beside this file specifies it.
//
//   KeyText(2)                               2
//   KeyText(std::vector{0.5, 1e-5})          [0.5, 1e-05]
//   KeyText(Sphere{1.0, "glass"})            {".attr.__name__": "Sphere", "material": "glass",
//   "radius": 1.0}
//
// Booleans, numbers, enums, strings, paths, optional, pairs and tuples, ranges, maps, sets and
// aggregates of these, nested to any depth, need nothing. Other types say what identifies them:
//
//   class Mesh {
//     friend void PermacacheKey(permacache::KeyWriter& key, const Mesh& mesh) {
//       key.Write(mesh.name_, mesh.vertices_);
//     }
//   };
//
// Everything here may be called from any thread. Nothing but running out of memory can fail; a
// type without a key is a compile-time error.
#ifndef PERMACACHE_KEY_KEY_H_
#define PERMACACHE_KEY_KEY_H_

#include <string>
#include <string_view>

#include "permacache/key/value_text.h"

namespace permacache {

// What a PermacacheKey function writes to. Lives only for the duration of that call.
class KeyWriter {
 public:
  KeyWriter(const KeyWriter&) = delete;
  KeyWriter& operator=(const KeyWriter&) = delete;

  // Adds values to what identifies the object. May be called several times.
  template <class... Values>
  void Write(const Values&... values) {
    (WriteOne(values), ...);
  }

 private:
  template <class T>
  friend void key::internal::AppendHooked(std::string& text, const T& value);

  explicit KeyWriter(std::string& text) : text_(text) {}

  template <class T>
  void WriteOne(const T& value) {
    if (!empty_) text_ += ", ";
    empty_ = false;
    key::AppendValue(text_, value);
  }

  std::string& text_;
  bool empty_ = true;
};

// The canonical text of `value`.
template <class T>
std::string KeyText(const T& value) {
  std::string text;
  key::AppendValue(text, value);
  return text;
}

namespace key::internal {

template <class T>
void AppendHooked(std::string& text, const T& value) {
  ObjectText object(text);
  object.Member(".type", NameInText<T>());
  object.Name("values");
  text += '[';
  KeyWriter writer(text);
  PermacacheKey(writer, value);
  text += ']';
  object.End();
}

}  // namespace key::internal
}  // namespace permacache

#endif  // PERMACACHE_KEY_KEY_H_
