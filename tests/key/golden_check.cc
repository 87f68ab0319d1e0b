// Checks keys against a file of what Python permacache gives:
//
//   ./bazelw run //tests/key:golden_check -- FILE
//
// Prints each mismatch and, of all cases and calls, "N matched, M mismatched". Exits with 0 only if
// there were some and none was mismatched, with 2 if the file cannot be used. python_value.h has
// the form of the values; a case has "value", "stringify" and "stable_hash", a call "function",
// "key_function", "args", "kwargs" and "key".
#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "permacache/permacache.h"
#include "tests/key/python_value.h"

namespace permacache::golden {
namespace {

using nlohmann::json;
using namespace permacache::literals;  // NOLINT: that is how it is meant to be used

struct Counts {
  int matched = 0;
  int mismatched = 0;
};

// What the file expects, and what `compute` gives or throws.
bool Agrees(const std::string& what, const std::string& expected,
            const std::function<std::string()>& compute) {
  std::string actual;
  try {
    actual = compute();
  } catch (const std::exception& error) {
    actual = std::string("an error: ") + error.what();
  }
  if (actual == expected) return true;
  std::printf("%s\n  expected %s\n  got      %s\n", what.c_str(), expected.c_str(), actual.c_str());
  return false;
}

// A call as the file has it.
struct Call {
  std::vector<Value> arguments;
  std::map<std::string, Value> named;
};

Call CallFromJson(const json& json_call) {
  Call call;
  for (const json& argument : json_call.at("args")) {
    call.arguments.push_back(ValueFromJson(argument));
  }
  for (const auto& [name, value] : json_call.at("kwargs").items()) {
    call.named.emplace(name, ValueFromJson(value));
  }
  return call;
}

// The key of a call that is known at run time, of a function whose parameters' names are known at
// compile time: finds the spelling f.Key(positional..., name = value...) that it is.
// The first kRequired parameters have no defaults.
template <size_t kRequired, class Function, class... Names>
class Speller {
 public:
  Speller(const Function& function, const Call& call, Names... names)
      : function_(function), call_(call), names_(names...) {}

  std::string Key() const { return Positional(std::tuple<>()); }

 private:
  static constexpr size_t kArity = sizeof...(Names);

  template <class... Given>
  std::string Positional(std::tuple<Given...> given) const {
    constexpr size_t kCount = sizeof...(Given);
    if (call_.arguments.size() > kCount) {
      if constexpr (kCount < kArity) {
        return Positional(std::tuple_cat(given, std::tuple<const Value&>(call_.arguments[kCount])));
      } else {
        throw std::runtime_error("more arguments than parameters");
      }
    }
    return Named<kCount>(given, 0);
  }

  // Decides for the parameters from kIndex on whether they are given by name.
  template <size_t kIndex, class Given>
  std::string Named(const Given& given, size_t used) const {
    if constexpr (kIndex < kArity) {
      const auto name = std::get<kIndex>(names_);
      const auto found = call_.named.find(std::string(name.name()));
      if (found != call_.named.end()) {
        return Named<kIndex + 1>(std::tuple_cat(given, std::tuple(name = found->second)), used + 1);
      }
      if constexpr (kIndex < kRequired) {
        throw std::runtime_error("an argument is missing");
      } else {
        return Named<kIndex + 1>(given, used);
      }
    } else {
      if (used != call_.named.size()) throw std::runtime_error("an argument of an unknown name");
      return std::apply([&](const auto&... arguments) { return function_.Key(arguments...); },
                        given);
    }
  }

  const Function& function_;
  const Call& call_;
  std::tuple<Names...> names_;
};

int Three(const Value&, const Value&, const Value&) { return 0; }
int Four(const Value&, const Value&, const Value&, const Value&) { return 0; }

template <size_t kRequired, class Function, class... Names>
std::string KeyOfCall(const Function& function, const Call& call, Names... names) {
  return Speller<kRequired, Function, Names...>(function, call, names...).Key();
}

// The functions of the file, under Python's names for what enters their keys.
class Functions {
 public:
  explicit Functions(const Cache& cache) : cache_(cache) {}

  template <class Function, class... Descriptions>
  auto Make(Function* function, const Descriptions&... descriptions) const {
    return cache_.Memoize({.name = "golden", .key_format = KeyFormat::kPython}, function,
                          descriptions...);
  }

  std::string KeyOf(const std::string& function, const std::string& key_function,
                    const Call& call) const {
    const auto x = "x"_a;
    const auto y = "y"_a;
    const auto z = "z"_a;
    const auto t = "t"_a;
    const auto four = [&](auto t_parameter) {
      return KeyOfCall<1>(Make(Four, x, y = Value(2), z = Value(3), t_parameter), call, x, y, z, t);
    };
    if (function == "f" && key_function == "none") {
      return KeyOfCall<1>(Make(Three, x, y = Value(2), z = Value(3)), call, x, y, z);
    }
    if (function == "g" && key_function == "t: drop_if_equal(0)") {
      return four((t = Value(0)).DropIfEqual(0));
    }
    if (function == "g" && key_function == "t: drop_if_equal(0, stable_hash)") {
      return four((t = Value(0)).DropIfEqual(0, StableHash));
    }
    if (function == "g" && key_function == "t: drop_if(v < 3)") {
      return four((t = Value(0)).DropIf([](const Value& value) { return value < Value(3); }));
    }
    if (function == "h" &&
        key_function ==
            "large_argument: stable_hash, not_json_argument: str, transient_flag: ignored") {
      const auto large = "large_argument"_a;
      const auto text = "not_json_argument"_a;
      const auto flag = "transient_flag"_a;
      const auto h =
          Make(Three, large.Key(StableHash), text.Key(PythonStr), (flag = Value(false)).Ignore());
      return KeyOfCall<2>(h, call, large, text, flag);
    }
    throw std::runtime_error("a function that is not known: " + function + ", " + key_function);
  }

 private:
  Cache cache_;
};

bool CaseAgrees(const json& item) {
  const std::string what = item.at("value").dump().substr(0, 200);
  const bool text = Agrees(what, item.at("stringify"), [&] {
    return KeyText(ValueFromJson(item.at("value")), KeyFormat::kPython);
  });
  const bool hash = Agrees(what, item.at("stable_hash"), [&] {
    return StableHash(ValueFromJson(item.at("value")), KeyFormat::kPython);
  });
  return text && hash;
}

bool CallAgrees(const Functions& functions, const json& item) {
  return Agrees(item.dump().substr(0, 200), item.at("key"), [&] {
    return functions.KeyOf(item.at("function"), item.at("key_function"), CallFromJson(item));
  });
}

Counts CheckFile(const json& file) {
  Counts counts;
  const auto count = [&](bool agrees) { ++(agrees ? counts.matched : counts.mismatched); };
  for (const json& item : file.at("cases")) count(CaseAgrees(item));
  const Functions functions{Cache({.storage = Storage::kMemory})};
  for (const json& item : file.at("calls")) count(CallAgrees(functions, item));
  return counts;
}

}  // namespace
}  // namespace permacache::golden

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: golden_check FILE\n");
    return 2;
  }
  // `bazel run` changes the directory; a relative path is meant from where it was called.
  std::filesystem::path path = argv[1];
  const char* called_from = std::getenv("BUILD_WORKING_DIRECTORY");
  if (path.is_relative() && called_from != nullptr) path = called_from / path;
  try {
    std::ifstream file(path);
    if (!file) throw std::runtime_error("it cannot be opened");
    const std::string text(std::istreambuf_iterator<char>(file), {});
    const auto counts = permacache::golden::CheckFile(permacache::golden::ParseFile(text));
    std::printf("%d matched, %d mismatched\n", counts.matched, counts.mismatched);
    return counts.mismatched == 0 && counts.matched > 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "golden_check: %s: %s\n", path.c_str(), error.what());
    return 2;
  }
}
