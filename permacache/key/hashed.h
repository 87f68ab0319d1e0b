// Hashed: a large argument that is used again and again, and hashed once.
#ifndef PERMACACHE_KEY_HASHED_H_
#define PERMACACHE_KEY_HASHED_H_

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "permacache/key/format.h"

namespace permacache {

// A value that nobody can change any more, and that remembers its key text: the first call with it
// costs as much as one with the plain value, every other as little as one with an int. The key is
// that of the plain value, so stored results serve both.
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

 private:
  struct Text {
    std::once_flag once;
    std::string text;
  };

  struct Shared {
    explicit Shared(T&& moved) : value(std::move(moved)) {}

    const T value;
    Text native;
    Text python;
  };

  std::shared_ptr<Shared> shared_;
};

}  // namespace permacache

#endif  // PERMACACHE_KEY_HASHED_H_
