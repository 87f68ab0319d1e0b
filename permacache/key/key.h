// Keys: a C++ value as canonical text.
//
// Equal values have equal texts, different values of one type have different texts, with every
// compiler, on every machine, in every run and in every later version of this library. The text
// is JSON in ASCII that people can read; FORMAT.md beside this file specifies it.
//
//   KeyText(2)                               2
//   KeyText(std::vector{0.5, 1e-5})          [0.5, 1e-05]
//   KeyText(Sphere{1.0, "glass"})            {".attr.__name__": "Sphere", "material": "glass",
//                                             "radius": 1.0}
//
// These need nothing, nested to any depth, from any library:
//   numbers up to 128 bits, bool, enums, std::complex, std::bitset, std::chrono
//   strings of any character type, std::filesystem::path, std::byte
//   ranges, C arrays, maps and sets in any order, pairs and tuples
//   optional, expected, variant, smart pointers (of what they point to), std::reference_wrapper
//   structs whose fields are all public
//   ArrayView (array_view.h) for n-dimensional arrays, Hashed (hashed.h) for what is used again and
//   again, ArithmeticRange (arithmetic_range.h)
//
// Short arrays of numbers are readable, those of more than 64 numbers are digested, large ones by
// several threads (SetHashThreads in hash/threads.h); so is any value whose text would be longer
// than 64 KiB. Structures that contain themselves have no end: a cycle of shared pointers overflows
// the stack, as does a list of more than some 10,000 nodes that each own the next.
//
// Other types say what identifies them:
//
//   class Mesh {
//     friend void PermacacheKey(permacache::KeyWriter& key, const Mesh& mesh) {
//       key.Write(mesh.name_, mesh.vertices_);
//     }
//   };
//
// For a type that is not yours, write the function in its namespace or, where that is not allowed,
// in namespace permacache, before the first use of such a key:
//
//   namespace permacache {
//   void PermacacheKey(KeyWriter& key, const other::Date& date) { key.Write(date.julian_day()); }
//   }
//
// Everything here may be called from any thread. Nothing but running out of memory can fail; a
// type without a key is a compile-time error.
#ifndef PERMACACHE_KEY_KEY_H_
#define PERMACACHE_KEY_KEY_H_

#include <cstddef>
#include <string>

#include "permacache/key/arithmetic_range.h"
#include "permacache/key/array_view.h"
#include "permacache/key/format.h"
#include "permacache/key/hashed.h"
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
  friend void key::internal::AppendHooked(key::Output& out, const T& value);

  explicit KeyWriter(key::Output& out) : out_(out) {}

  template <class T>
  void WriteOne(const T& value) {
    if (count_++ > 0) out_.text += ", ";
    key::AppendValue(out_, value);
  }

  key::Output& out_;
  size_t count_ = 0;
};

// The canonical text of `value`.
template <class T>
std::string KeyText(const T& value, KeyFormat format = KeyFormat::kNative) {
  constexpr size_t kEnoughForMost = 256;
  std::string text;
  text.reserve(kEnoughForMost);
  key::Output out{text, format};
  key::AppendValue(out, value);
  return text;
}

// Does what its name says: StableHash(value), and as a key function: "x"_a.Key(StableHash).
struct StableHashFunction {
  template <class T>
  std::string operator()(const T& value, KeyFormat format = KeyFormat::kNative) const {
    return key::internal::StableHashOfText(KeyText(value, format));
  }
};

// The SHA-256 of a value's text, in 64 hexadecimal digits. In Python's format it is what Python
// permacache's stable_hash gives.
inline constexpr StableHashFunction StableHash{};

template <class T>
const std::string& Hashed<T>::key_text(KeyFormat format) const {
  return Remembered(shared_->key_texts, format,
                    [this, format] { return KeyText(shared_->value, format); });
}

template <class T>
const std::string& Hashed<T>::fields_text(KeyFormat format) const {
  return Remembered(shared_->fields_texts, format, [this, format] {
    std::string text;
    key::Output out{text, format};
    key::AppendFields(out, shared_->value);
    return text;
  });
}

namespace key::internal {

// In Python, whose classes have no such function, an object is what is written for it.
template <class T>
void AppendHooked(Output& out, const T& value) {
  if (out.format == KeyFormat::kPython) {
    const size_t begin = out.text.size();
    KeyWriter writer(out);
    PermacacheKey(writer, value);
    if (writer.count_ == 1) return;
    out.text.insert(begin, 1, '[');
    out.text += ']';
    return;
  }
  ObjectText object(out);
  object.Member(".type", NameInText<T>());
  object.Name("values");
  out.text += '[';
  KeyWriter writer(out);
  PermacacheKey(writer, value);
  out.text += ']';
  object.End();
}

}  // namespace key::internal
}  // namespace permacache

#endif  // PERMACACHE_KEY_KEY_H_
