// What Memoize refuses, and which calls a cached function does; see tests/compile.
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "permacache/memoize/memoize.h"

using namespace permacache::literals;
using permacache::Memoize;

int F(int x, int y, int z) { return x + y + z; }

class Opaque {
 public:
  explicit Opaque(int value) : value_(value) {}
  int value() const { return value_; }

 private:
  int value_;
};

void Use() {
  auto f = Memoize("f", F, "x"_a, "y"_a = 2, "z"_a = 3);
  f(1);

#ifdef BATCH_AND_OUT_FILE
  auto g = Memoize(
      "g", [](std::vector<int> xs, std::string) { return xs; }, "xs"_a.Batch(), "loc"_a.OutFile());
#endif
#ifdef BATCH_OF_SET
  auto g = Memoize(
      "g", [](const std::set<int>& xs) { return std::vector<int>(xs.size()); }, "xs"_a.Batch());
#endif
#ifdef MOVED_BESIDE_BATCH
  auto g = Memoize(
      "g", [](std::vector<int> xs, std::unique_ptr<int>) { return xs; }, "xs"_a.Batch(), "p"_a);
#endif
#ifdef UPGRADE_FROM_THE_SAME
  auto g = Memoize("g", F).UpgradeFrom<int>([](int x) { return x; });
#endif
#ifdef UPGRADE_OF_ANOTHER_TYPE
  auto g = Memoize("g", F).UpgradeFrom<double>([](const std::string&) { return 1; });
#endif
#ifdef BATCH_OF_NO_LIST
  auto g = Memoize(
      "g", [](int x) { return std::vector<int>{x}; }, "x"_a.Batch());
#endif
#ifdef BATCH_RESULT_OF_NO_LIST
  auto g = Memoize(
      "g", [](std::vector<int> xs) { return xs.size(); }, "xs"_a.Batch());
#endif
#ifdef OUT_FILE_OF_NO_PATH
  auto g = Memoize(
      "g", [](int loc) { return loc; }, "loc"_a.OutFile());
#endif
#ifdef PLAN_WITHOUT_BATCH
  f.Plan(1);
#endif
#ifdef KEY_FUNCTION_OF_ANOTHER_TYPE
  auto g = Memoize("g", F, "x"_a.Key([](const std::string& s) { return s; }), "y"_a, "z"_a);
#endif
#ifdef KEY_FUNCTION_RETURNS_NOTHING
  auto g = Memoize("g", F, "x"_a.Key([](int) {}), "y"_a, "z"_a);
#endif
#ifdef KEY_FUNCTION_RETURNS_A_POINTER
  auto g = Memoize("g", F, "x"_a.Key([](int) { return "text"; }), "y"_a, "z"_a);
#endif
#ifdef KEY_FUNCTION_WITHOUT_KEY
  auto g = Memoize("g", F, "x"_a.Key([](int x) { return Opaque(x); }), "y"_a, "z"_a);
#endif
#ifdef STRING_FORM_WITHOUT_TEXT
  auto g = Memoize(
      "g", [](const Opaque& opaque) { return opaque.value(); },
      "opaque"_a.Key(permacache::StringForm));
#endif
#ifdef STRING_FORM_OF_A_POINTER
  auto g = Memoize(
      "g", [](const int* x) { return *x; }, "x"_a.Key(permacache::StringForm));
#endif
#ifdef KEYING_TWICE
  auto g = Memoize("g", F, "x"_a.Ignore().DropIfEqual(0), "y"_a, "z"_a);
#endif
#ifdef KEYING_IN_A_CALL
  f("x"_a.Ignore() = 2);
#endif
#ifdef DROP_PREDICATE_OF_ANOTHER_TYPE
  auto g =
      Memoize("g", F, "x"_a.DropIf([](const std::string& s) { return s.empty(); }), "y"_a, "z"_a);
#endif
#ifdef DROP_VALUE_OF_ANOTHER_TYPE
  auto g = Memoize("g", F, "x"_a.DropIfEqual("zero"), "y"_a, "z"_a);
#endif
#ifdef FILE_CONTENTS_OF_NO_PATH
  auto g = Memoize("g", F, "x"_a.FileContents(), "y"_a, "z"_a);
#endif
#ifdef POINTER_PARAMETER
  auto g = Memoize("g", [](const double* numbers) { return *numbers; });
#endif
#ifdef C_STRING_PARAMETER
  auto g = Memoize("g", [](int x, const char* text) { return text[x]; });
#endif
#ifdef REFERENCE_PARAMETER
  auto g = Memoize("g", [](std::vector<int>& out) { return out.size(); });
#endif
#ifdef PARAMETER_WITHOUT_KEY
  auto g = Memoize("g", [](const Opaque& opaque) { return opaque.value(); });
#endif
#ifdef WRITABLE_ARRAY_VIEW_PARAMETER
  auto g = Memoize("g", [](permacache::ArrayView<float> view) { return view(0) += 1; });
#endif
#ifdef WRITABLE_SPAN_PARAMETER
  auto g = Memoize("g", [](std::span<double> out) { return out.size(); });
#endif
#ifdef DANGLING_DEFAULT
  auto g = Memoize(
      "g", [](std::string_view s) { return s.size(); }, "s"_a = std::string("gone"));
#endif
#ifdef EMPTY_BRACES
  f("x"_a = {});
#endif
#ifdef BRACES_THAT_ARE_NO_RANGE
  auto g = Memoize(
      "g", [](std::pair<bool, bool> p) { return p.first; }, "p"_a = {false, false});
#endif
#ifdef NO_RESULT
  auto g = Memoize("g", [](int) {});
#endif
#ifdef POINTER_RESULT
  auto g = Memoize("g", [](int) -> const char* { return ""; });
#endif
#ifdef VIEW_RESULT
  auto g = Memoize("g", [](const std::string& text) { return std::string_view(text); });
#endif
#ifdef REFERENCE_IN_RESULT
  auto g = Memoize("g", [](int) { return std::vector<std::reference_wrapper<const int>>(); });
#endif
#ifdef RESULT_WITHOUT_CODEC
  auto g = Memoize("g", [](int x) { return Opaque(x); });
#endif
#ifdef TOO_FEW_NAMES
  auto g = Memoize("g", F, "x"_a, "y"_a);
#endif
#ifdef TOO_MANY_NAMES
  auto g = Memoize("g", F, "w"_a, "x"_a, "y"_a, "z"_a);
#endif
#ifdef SAME_NAME_TWICE
  auto g = Memoize("g", F, "x"_a, "y"_a, "x"_a);
#endif
#ifdef EMPTY_NAME
  auto g = Memoize("g", F, "x"_a, "y"_a, ""_a);
#endif
#ifdef NOT_A_NAME
  auto g = Memoize("g", F, "x"_a, "y"_a, 3);
#endif
#ifdef DEFAULT_OF_ANOTHER_TYPE
  auto g = Memoize("g", F, "x"_a, "y"_a, "z"_a = std::string("3"));
#endif
#ifdef TEMPLATE_CALLABLE
  auto g = Memoize("g", [](auto x) { return x; });
#endif
#ifdef UNKNOWN_NAME
  f(1, "w"_a = 2);
#endif
#ifdef GIVEN_BY_POSITION_AND_NAME
  f(1, "x"_a = 2);
#endif
#ifdef GIVEN_TWICE_BY_NAME
  f(1, "y"_a = 2, "y"_a = 2);
#endif
#ifdef LEFT_OUT
  f("y"_a = 2);
#endif
#ifdef LEFT_OUT_OF_LOOKUP
  f.Lookup("y"_a = 2);
#endif
#ifdef VALUE_OF_ANOTHER_TYPE
  f("x"_a = std::string("1"));
#endif
}
