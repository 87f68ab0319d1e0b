// Reads JSON from the left, value by value, without building a tree of it.
#ifndef PERMACACHE_JSON_READER_H_
#define PERMACACHE_JSON_READER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace permacache::json {

// The text must be valid (text.h) and outlive the reader. Whoever reads asks for the kind of a
// value, or for the end, before taking it. An object belongs to one thread at a time.
class Reader {
 public:
  enum class Kind { kScalar, kString, kArray, kObject, kEnd };

  explicit Reader(std::string_view text) : text_(text) { Advance(); }

  // What comes next; kEnd at the end of the array or object, or of the text.
  Kind Next() const;

  // The name of the next member. Must be taken before its value.
  std::string TakeName() { return TakeString(); }

  std::string_view TakeScalar();  // true, false, null or a number, as it stands there
  std::string TakeString();

  // What Writer::Bytes wrote, if it is that.
  std::optional<std::string> TakeBytes();

  // Any value, as it stands there.
  std::string_view TakeValue();

  void Enter();  // into an array or object
  void Leave();  // at its end

  // How many values are left in the array. Reads it to its end, but takes nothing.
  uint64_t CountRest() const;

 private:
  void Advance();

  std::string_view text_;
  size_t place_ = 0;
};

}  // namespace permacache::json

#endif  // PERMACACHE_JSON_READER_H_
