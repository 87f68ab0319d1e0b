// Reads JSON from the left, value by value, without building a tree of it.
#ifndef PERMACACHE_JSON_READER_H_
#define PERMACACHE_JSON_READER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace permacache::json {

// The text must be valid (text.h), have less than 2^32 bytes and outlive the reader. Whoever reads
// asks for the kind of a value, or for the end, before taking it. An object belongs to one thread
// at a time.
class Reader {
 public:
  enum class Kind { kScalar, kString, kArray, kObject, kEnd };

  // Reads the text once to count what each array and object holds: 4 bytes of memory for each.
  explicit Reader(std::string_view text);

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

  // Goes into an array or object. Returns how many values it holds.
  uint32_t Enter();
  void Leave();  // at its end

 private:
  void Advance();

  std::string_view text_;
  size_t place_ = 0;
  std::vector<uint32_t> sizes_;  // of all arrays and objects, in the order of their beginnings
  size_t begun_ = 0;             // how many of them lie before `place_`, or around it
};

}  // namespace permacache::json

#endif  // PERMACACHE_JSON_READER_H_
