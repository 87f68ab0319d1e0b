// Types without a stable key: see compile_fail_test in BUILD.bazel.
#include <string>
#include <vector>

#include "permacache/key/key.h"

struct Node {
  int value;
  const Node* next;
};

struct Callback {
  void (*call)(int);
};

union Either {
  int number;
  float fraction;
};

class Closed {
 public:
  explicit Closed(int secret) : secret_(secret) {}

 private:
  int secret_;
};

struct Shape {
  virtual ~Shape() = default;
};

struct Described {
  std::string name;
  std::vector<double> numbers;
};

int main() {
  permacache::KeyText(Described{"control", {1.5}});
#ifdef RAW_POINTER
  const int number = 1;
  permacache::KeyText(&number);
#endif
#ifdef C_STRING
  permacache::KeyText(std::vector<const char*>{"text"});
#endif
#ifdef POINTER_IN_A_FIELD
  permacache::KeyText(Node{1, nullptr});
#endif
#ifdef FUNCTION_POINTER
  permacache::KeyText(&main);
#endif
#ifdef FUNCTION_POINTER_IN_A_FIELD
  permacache::KeyText(Callback{nullptr});
#endif
#ifdef MEMBER_POINTER
  permacache::KeyText(&Node::value);
#endif
#ifdef UNION
  permacache::KeyText(Either{1});
#endif
#ifdef UNNAMED_STRUCT
  struct {
    int x = 1;
  } unnamed;
  permacache::KeyText(unnamed);
#endif
#ifdef UNNAMED_ENUM
  enum { kOne };
  permacache::KeyText(kOne);
#endif
#ifdef CLASS_WITHOUT_HOOK
  permacache::KeyText(Closed(1));
#endif
#ifdef POLYMORPHIC_CLASS
  permacache::KeyText(Shape());
#endif
}
