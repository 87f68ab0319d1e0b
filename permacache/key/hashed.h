// Hashed: a large argument that is used again and again, and hashed once.
#ifndef PERMACACHE_KEY_HASHED_H_
#define PERMACACHE_KEY_HASHED_H_

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "permacache/key/format.h"

namespace permacache {

// A value that nobody can change any more, and that remembers its key text: the first call with it
// costs as much as one with the plain value, every other as little as copying that text. In the
// native format that is 64 KiB at most, and for large arrays of numbers about 140 characters. The
// key is that of the plain value, so stored results serve both.
//
//   double Norm(const permacache::Hashed<std::vector<double>>& v);
//   permacache::Hashed data(std::move(samples));
//   norm(data);  norm(data);
//
// Copies share the value and what is remembered, and keep it alive. All may be used by several
// threads. A Hashed that was moved from may only be assigned to or destroyed.
template <class T>
class Hashed {
 public:
  using value_type = T;

  explicit Hashed(T value) : shared_(std::make_shared<Shared>(std::move(value))) {}

  const T& operator*() const { return shared_->value; }
  const T* operator->() const { return &shared_->value; }

  // The key text of the value, as KeyText gives it. Written when it is first asked for.
  const std::string& key_text(KeyFormat format = KeyFormat::kNative) const;

  // The key of a call whose arguments are the fields of this struct.
  const std::string& fields_text(KeyFormat format) const;

 private:
  struct Text {
    std::once_flag once;
    std::string text;
  };

  struct Shared {
    explicit Shared(T&& moved) : value(std::move(moved)) {}

    const T value;
    std::array<Text, 2> key_texts;  // by format
    std::array<Text, 2> fields_texts;
  };

  // The text in `texts` that is of this format, written by the first who asks.
  template <class Write>
  static const std::string& Remembered(std::array<Text, 2>& texts, KeyFormat format, Write write) {
    Text& text = texts[static_cast<size_t>(format)];
    std::call_once(text.once, [&] { text.text = write(); });
    return text.text;
  }

  std::shared_ptr<Shared> shared_;
};

}  // namespace permacache

#endif  // PERMACACHE_KEY_HASHED_H_
