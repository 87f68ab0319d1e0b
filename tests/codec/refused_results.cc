// Types that cannot be results: see compile_fail_test in BUILD.bazel.
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "permacache/codec/codec.h"

struct Node {
  int value;
  const Node* next;
};

class Closed {
 public:
  int secret() const { return secret_; }

 private:
  int secret_ = 1;
};

class Fixed {
 public:
  explicit Fixed(int value) : value_(value) {}

  template <class Archive>
  void serialize(Archive& archive) {
    archive(value_);
  }

 private:
  int value_;
};

struct Described {
  std::string name;
  std::vector<double> numbers;
};

class Constructed {
 public:
  explicit Constructed(int value) : value_(value) {}

  template <class Archive>
  void serialize(Archive& archive) {
    archive(value_);
  }

  template <class Archive>
  static void load_and_construct(Archive&, cereal::construct<Constructed>& construct) {
    construct(1);
  }

 private:
  int value_;
};

struct Polymorphic {
  virtual ~Polymorphic() = default;

  template <class Archive>
  void serialize(Archive&) {}
};

template <class T>
void TryToStore(const T& value) {
  (void)permacache::codec::Decode<T>(permacache::codec::Encode(value));
}

int main() {
  (void)&TryToStore<Described>;
#ifdef RAW_POINTER
  (void)&TryToStore<int*>;
#endif
#ifdef POINTER_IN_A_FIELD
  (void)&TryToStore<Node>;
#endif
#ifdef CONSTRUCTED_BY_CEREAL
  (void)&TryToStore<std::unique_ptr<Constructed>>;
#endif
#ifdef POINTER_TO_POLYMORPHIC_CLASS
  (void)&TryToStore<std::shared_ptr<Polymorphic>>;
#endif
#ifdef STRING_VIEW
  (void)&TryToStore<std::string_view>;
#endif
#ifdef SPAN
  (void)&TryToStore<std::vector<std::span<const int>>>;
#endif
#ifdef REFERENCE_WRAPPER
  (void)&permacache::codec::Encode<std::reference_wrapper<int>>;
#endif
#ifdef CLASS_WITHOUT_SERIALIZE
  (void)&TryToStore<Closed>;
#endif
#ifdef UNKNOWN_RANGE
  (void)&TryToStore<std::filesystem::path>;
#endif
#ifdef FIXED
  (void)&TryToStore<Fixed>;
#endif
}
