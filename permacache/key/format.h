// The two ways to write a key.
#ifndef PERMACACHE_KEY_FORMAT_H_
#define PERMACACHE_KEY_FORMAT_H_

#include <string>

namespace permacache {

enum class KeyFormat {
  // FORMAT.md: different values of one type have different texts, and no text is long.
  kNative,

  // Byte for byte what Python permacache 5.0.1 writes, for caches that are shared with it:
  // PYTHON_FORMAT.md. Ambiguous where Python's is: arrays of different shapes or kinds of number
  // may have one text.
  kPython,
};

namespace key {

// The text of a key while it is written.
struct Output {
  std::string& text;
  KeyFormat format = KeyFormat::kNative;
};

}  // namespace key
}  // namespace permacache

#endif  // PERMACACHE_KEY_FORMAT_H_
