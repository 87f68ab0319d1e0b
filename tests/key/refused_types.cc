// Types without a stable key: see compile_fail_test in BUILD.bazel.
#include <any>
#include <array>
#include <chrono>
#include <fstream>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <ranges>
#include <regex>
#include <sstream>
#include <string>
#include <utility>
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

struct Base {
  int base = 1;
};

void PermacacheKey(permacache::KeyWriter& key, const Base& value) { key.Write(value.base); }

struct Derived : Base {
  int more = 2;
};

struct Point {
  int x = 1;
};

struct Point3 : Point {
  int z = 2;
};

struct Triple {
  std::string name;
  double numbers[3] = {};
};

class NamedNumbers : public std::vector<int> {
 public:
  using std::vector<int>::vector;
  std::string name;
};

template <class T>
class NamedElements : public std::vector<T> {
 public:
  using std::vector<T>::vector;
  std::string name;
};

// Has a range, and can be made from two of its pointers as they turn into bool.
class Torus {
 public:
  Torus(bool wraps_x, bool wraps_y);
  const int* begin() const;
  const int* end() const;
};

struct Changed {
  int value = 0;
};

void PermacacheKey(permacache::KeyWriter& key, Changed& value) { key.Write(value.value); }

struct Hundred {
  std::array<int, 2> a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, b0, b1, b2, b3, b4, b5, b6, b7, b8, b9;
  int c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, d0, d1, d2, d3, d4, d5, d6, d7, d8, d9;
  int e0, e1, e2, e3, e4, e5, e6, e7, e8, e9, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9;
  int g0, g1, g2, g3, g4, g5, g6, g7, g8, g9, h0, h1, h2, h3, h4, h5, h6, h7, h8, h9;
  int i0, i1, i2, i3, i4, i5, i6, i7, i8, i9, j0, j1, j2, j3, j4, j5, j6, j7, j8, j9;
  int k0, k1, k2, k3, k4, k5, k6, k7, k8, k9, l0, l1, l2, l3, l4, l5, l6, l7, l8, l9;
  int m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, n0, n1, n2, n3, n4, n5, n6, n7, n8, n9;
  int o0, o1, o2, o3, o4, o5, o6, o7, o8, o9, p0, p1, p2, p3, p4, p5, p6, p7, p8, p9;
  int q0, q1, q2, q3, q4, q5, q6, q7, q8, q9, r0, r1, r2, r3, r4, r5, r6, r7, r8, r9;
  int s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9;
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
#ifdef POINTER_IN_AN_OPTIONAL
  permacache::KeyText(std::optional<int*>());
#endif
#ifdef POINTER_TO_VOID
  permacache::KeyText(static_cast<void*>(nullptr));
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
#ifdef STD_FUNCTION
  permacache::KeyText(std::function<int(int)>());
#endif
#ifdef LAMBDA
  permacache::KeyText([] { return 1; });
#endif
#ifdef GENERIC_LAMBDA
  permacache::KeyText([](auto value) { return value; });
#endif
#ifdef BOUND_FUNCTION
  permacache::KeyText(std::bind([](int value) { return value; }, 1));
#endif
#ifdef UNION
  permacache::KeyText(Either{1});
#endif
#ifdef STREAM
  permacache::KeyText(std::stringstream());
#endif
#ifdef FILE_STREAM
  permacache::KeyText(std::ifstream());
#endif
#ifdef WEAK_POINTER
  permacache::KeyText(std::weak_ptr<int>());
#endif
#ifdef OWNER_OF_AN_ARRAY
  permacache::KeyText(std::make_unique<int[]>(2));
#endif
#ifdef SHARED_OWNER_OF_AN_ARRAY
  permacache::KeyText(std::shared_ptr<int[]>());
#endif
#ifdef STEADY_TIME
  permacache::KeyText(std::chrono::steady_clock::now());
#endif
#ifdef ANY
  permacache::KeyText(std::any(1));
#endif
#ifdef ITERATOR
  permacache::KeyText(std::vector<int>().begin());
#endif
#ifdef LIST_ITERATOR
  permacache::KeyText(std::list<int>().begin());
#endif
#ifdef ENDLESS_RANGE
  permacache::KeyText(std::views::iota(0));
#endif
#ifdef INPUT_VIEW
  std::istringstream words("1 2");
  permacache::KeyText(std::ranges::istream_view<int>(words));
#endif
#ifdef MATCH_OF_A_REGEX
  permacache::KeyText(std::smatch());
#endif
#ifdef ARRAY_VIEW_OF_STRUCTS
  const Point points[2];
  permacache::KeyText(permacache::ArrayView<const Point>(points, {2}));
#endif
#ifdef ARRAY_VIEW_OF_LONG_DOUBLES
  const long double numbers[2] = {};
  permacache::KeyText(permacache::ArrayView<const long double>(numbers, {2}));
#endif
#ifdef HOOK_OF_A_BASE
  permacache::KeyText(Derived());
#endif
#ifdef HOOK_THAT_CHANGES
  permacache::KeyText(Changed());
#endif
#ifdef STRUCT_WITH_A_BASE
  permacache::KeyText(Point3());
#endif
#ifdef C_ARRAY_IN_A_FIELD
  permacache::KeyText(Triple());
#endif
#ifdef TOO_MANY_FIELDS
  permacache::KeyText(Hundred());
#endif
#ifdef EXTENDED_VECTOR
  permacache::KeyText(NamedNumbers());
#endif
#ifdef EXTENDED_VECTOR_FROM_A_TEMPLATE
  permacache::KeyText(NamedElements<int>());
#endif
#ifdef RANGE_MADE_FROM_FLAGS
  permacache::KeyText(Torus(true, false));
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
#ifdef CLASS_WITHOUT_HOOK_INSIDE
  permacache::KeyText(std::vector<std::optional<std::pair<int, Closed>>>());
#endif
#ifdef POLYMORPHIC_CLASS
  permacache::KeyText(Shape());
#endif
}
