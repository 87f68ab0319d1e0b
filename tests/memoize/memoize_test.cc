#include "permacache/memoize/memoize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "permacache/testing/processes.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

using namespace permacache::literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

class MemoizeTest : public ::testing::Test {
 protected:
  TemporaryDirectory directory_;
  Cache cache_{{.directory = directory_.path()}};
};

TEST_F(MemoizeTest, ComputesOnceAndThenReads) {
  int computed = 0;
  auto square = cache_.Memoize("square", [&](int64_t x) {
    ++computed;
    return x * x;
  });
  EXPECT_EQ(square(12), 144);
  EXPECT_EQ(square(12), 144);
  EXPECT_EQ(computed, 1);
  EXPECT_EQ(square(13), 169);
  EXPECT_EQ(computed, 2);
}

TEST_F(MemoizeTest, InMemoryNoFileIsInTheWay) {
  std::ofstream(directory_.path() / "f") << "a file";
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(directory_.path());
  auto f = Cache({.storage = Storage::kMemory}).Memoize("f", [](int x) { return x; });
  std::filesystem::current_path(before);
  EXPECT_EQ(f(1), 1);
}

TEST_F(MemoizeTest, EverySpellingOfACallIsOneComputation) {
  int computed = 0;
  auto f = cache_.Memoize(
      "f",
      [&](int x, int y, int z) {
        ++computed;
        return 100 * x + 10 * y + z;
      },
      "x"_a, "y"_a = 2, "z"_a = 3);
  EXPECT_EQ(f(2), 223);
  EXPECT_EQ(f(2, 2, 3), 223);
  EXPECT_EQ(f(2, "z"_a = 3, "y"_a = 2), 223);
  EXPECT_EQ(f("x"_a = 2, "y"_a = 2, "z"_a = 3), 223);
  EXPECT_EQ(f("z"_a = 3, "x"_a = 2), 223);
  EXPECT_EQ(f(2, 2), 223);
  EXPECT_EQ(computed, 1);
  EXPECT_EQ(f.Key(2), R"({"x": 2, "y": 2, "z": 3})");
  EXPECT_EQ(f.Key("y"_a = 2, "x"_a = 2), R"({"x": 2, "y": 2, "z": 3})");
  EXPECT_EQ(f.Size(), 1);
  EXPECT_EQ(f(2, 3), 233);
  EXPECT_EQ(computed, 2);
}

TEST_F(MemoizeTest, KeysListParametersInTheOrderOfTheirNames) {
  auto f = cache_.Memoize(
      "f", [](int a, int b) { return a - b; }, "second"_a, "first"_a);
  EXPECT_EQ(f.Key(1, 2), R"({"first": 2, "second": 1})");
  EXPECT_EQ(f(1, 2), -1);
  EXPECT_EQ(f("first"_a = 2, "second"_a = 1), -1);
}

TEST_F(MemoizeTest, WithoutNamesThePositionIsTheName) {
  auto f = cache_.Memoize("f", [](int x, const std::string& s) { return s.size() + x; });
  EXPECT_EQ(f.Key(1, "a"), R"({"0": 1, "1": "a"})");
}

TEST_F(MemoizeTest, AFunctionWithoutParametersHasOneResult) {
  int computed = 0;
  auto f = cache_.Memoize("f", [&] { return ++computed; });
  EXPECT_EQ(f(), 1);
  EXPECT_EQ(f(), 1);
  EXPECT_EQ(f.Key(), "{}");
}

TEST_F(MemoizeTest, KeysAreWrittenAfterConversionToTheParametersType) {
  auto f = cache_.Memoize(
      "f", [](double x) { return x; }, "x"_a);
  EXPECT_EQ(f.Key(2), R"({"x": 2.0})");
  EXPECT_EQ(f.Key(2.0), f.Key(2));
  EXPECT_EQ(f.Key("x"_a = 2), f.Key(2));
  EXPECT_EQ(f.Key("x"_a = 2.0F), f.Key(2));
}

struct Sphere {
  double radius = 1;
};

struct Scene {
  int width = 640;
  int height = 480;
  std::vector<Sphere> spheres = {};
};

struct Image {
  int width = 0;
  std::vector<float> pixels;
  bool operator==(const Image&) const = default;
};

int rendered = 0;
Image Render(const Scene& scene) {
  ++rendered;
  return {scene.width, std::vector<float>(scene.height, static_cast<float>(scene.spheres.size()))};
}

TEST_F(MemoizeTest, TheFieldsOfASingleStructAreTheArguments) {
  rendered = 0;
  auto render = cache_.Memoize("render", Render);
  const Image image = render({.height = 720, .spheres = {{2}}});
  EXPECT_EQ(render(Scene{640, 720, {{2.0}}}), image);
  EXPECT_EQ(rendered, 1);
  EXPECT_EQ(image.pixels, std::vector<float>(720, 1));
  EXPECT_EQ(render.Key({.height = 720}), R"({"height": 720, "spheres": [], "width": 640})");
}

TEST_F(MemoizeTest, ANamedStructIsOneArgument) {
  auto render = cache_.Memoize("render", Render, "scene"_a);
  EXPECT_EQ(
      render.Key({.height = 720}),
      R"({"scene": {".attr.__name__": "Scene", "height": 720, "spheres": [], "width": 640}})");
}

TEST_F(MemoizeTest, BracedArgumentsWorkInEveryPosition) {
  auto lengths = cache_.Memoize("lengths", [](const std::vector<std::string>& texts) {
    std::vector<size_t> result;
    for (const std::string& text : texts) result.push_back(text.size());
    return result;
  });
  EXPECT_THAT(lengths({"a", "bb"}), ElementsAre(1, 2));
  EXPECT_THAT(lengths({}), ElementsAre());

  auto f = cache_.Memoize(
      "f", [](const Scene& s, std::vector<int> v, int z) { return s.height + int(v.size()) + z; },
      "scene"_a, "v"_a = std::vector{1, 2, 3}, "z"_a = 1);
  EXPECT_EQ(f({.height = 720}), 724);
  EXPECT_EQ(f({.height = 720}, "z"_a = 3), 726);
  EXPECT_EQ(f({.height = 720}, {1}), 722);
  EXPECT_EQ(f({.height = 720}, {1}, {5}), 726);
  EXPECT_EQ(f({.height = 720}, {1}, "z"_a = 3), 724);
  EXPECT_EQ(f("v"_a = {1, 2}, "scene"_a = Scene{.height = 720}), 723);
  EXPECT_TRUE(f.Contains({.height = 720}, {1}));
  EXPECT_THAT(f.Lookup({.height = 720}, {1}, "z"_a = 3), Optional(724));
  EXPECT_TRUE(f.Forget({.height = 720}));
}

TEST_F(MemoizeTest, NamedVariablesAreNotCopied) {
  const std::vector<int> large(1000);
  auto argument = "x"_a = large;
  EXPECT_EQ(&argument.value, &large);
}

TEST_F(MemoizeTest, LookupContainsAndForgetNeverCompute) {
  int computed = 0;
  auto f = cache_.Memoize(
      "f", [&](int x) { return ++computed + x; }, "x"_a = 5);
  EXPECT_EQ(f.Lookup(), std::nullopt);
  EXPECT_FALSE(f.Contains(5));
  EXPECT_FALSE(f.Forget(5));
  EXPECT_EQ(computed, 0);
  EXPECT_EQ(f(5), 6);
  EXPECT_THAT(f.Lookup(), Optional(6));
  EXPECT_TRUE(f.Contains("x"_a = 5));
  EXPECT_EQ(f.Size(), 1);
  EXPECT_TRUE(f.Forget(5));
  EXPECT_FALSE(f.Forget(5));
  EXPECT_EQ(f.Size(), 0);
  EXPECT_EQ(f(5), 7);
}

TEST_F(MemoizeTest, ClearDropsAllResults) {
  int computed = 0;
  auto f = cache_.Memoize("f", [&](int x) { return ++computed + x; });
  f(1), f(2), f(3);
  EXPECT_EQ(f.Size(), 3);
  f.Clear();
  EXPECT_EQ(f.Size(), 0);
  f(1);
  EXPECT_EQ(computed, 4);
}

TEST_F(MemoizeTest, ExceptionsPassThroughAndAreNotStored) {
  struct Mine : std::runtime_error {
    using std::runtime_error::runtime_error;
  };
  bool fail = true;
  auto f = cache_.Memoize("f", [&](int x) {
    if (fail) throw Mine("no");
    return x;
  });
  EXPECT_THROW(f(1), Mine);
  EXPECT_FALSE(f.Contains(1));
  fail = false;
  EXPECT_EQ(f(1), 1);
}

TEST_F(MemoizeTest, AnotherCacheObjectReadsTheSameResults) {
  int computed = 0;
  const auto function = [&](int x) { return ++computed + x; };
  EXPECT_EQ(cache_.Memoize("f", function)(1), 2);
  Cache again({.directory = directory_.path()});
  EXPECT_EQ(again.Memoize("f", function)(1), 2);
  EXPECT_EQ(computed, 1);
}

TEST_F(MemoizeTest, AnotherProcessComputesNothing) {
  auto f = cache_.Memoize("f", [](const std::string& s) { return s + s; });
  f("ab");
  SyncAll();
  EXPECT_EQ(RunProcesses(1,
                         [&](int) {
                           Cache own({.directory = directory_.path()});
                           auto g = own.Memoize("f", [](const std::string&) -> std::string {
                             throw std::logic_error("computed");
                           });
                           return g("ab") == "abab" && f("ab") == "abab" ? 0 : 1;
                         }),
            0);
}

TEST_F(MemoizeTest, CopiesShareTheCacheAndTheStatistics) {
  auto f = cache_.Memoize("f", [](int x) { return x; });
  auto copy = f;
  f(1), copy(1), copy(2);
  EXPECT_EQ(f.Stats().hits, 1);
  EXPECT_EQ(f.Stats().misses, 2);
  EXPECT_EQ(f.Stats().failures, 0);
}

TEST_F(MemoizeTest, VersionsStartAfresh) {
  int computed = 0;
  const auto function = [&](int x) { return ++computed + x; };
  auto first = cache_.Memoize({.name = "f", .version = 1}, function);
  auto second = cache_.Memoize({.name = "f", .version = 2}, function);
  EXPECT_EQ(first(0), 1);
  EXPECT_EQ(second(0), 2);
  second.Clear();
  EXPECT_EQ(first(0), 1);
}

TEST_F(MemoizeTest, CompressedResultsAreReadByAll) {
  auto f = cache_.Memoize({.name = "f", .compression = Compression::kZstd},
                          [](int x) { return std::string(100000, static_cast<char>(x)); });
  const std::string text = f('x');
  EXPECT_LT(std::filesystem::file_size(directory_.path() / "f" / "data.mdb"), text.size());
  auto g = cache_.Memoize("f", [](int) { return std::string("computed"); });
  EXPECT_TRUE(g('x') == text);
}

TEST_F(MemoizeTest, AResultOfAnotherTypeIsAMissAndIsReplaced) {
  auto f = cache_.Memoize("f", [](int x) { return x; });
  f(1);
  auto g = cache_.Memoize("f", [](int x) { return std::to_string(x); });
  EXPECT_FALSE(g.Contains(1));
  EXPECT_EQ(g.Lookup(1), std::nullopt);
  EXPECT_EQ(g(1), "1");
  EXPECT_TRUE(g.Contains(1));
  EXPECT_EQ(g.Stats().failures, 0);
}

TEST_F(MemoizeTest, FunctionsLieInFoldersOfTheirNames) {
  auto outer = cache_.Memoize("a", [](int x) { return x; });
  auto inner = cache_.Memoize("a/b", [](int x) { return x + 1; });
  EXPECT_EQ(outer(1), 1);
  EXPECT_EQ(inner(1), 2);
  EXPECT_TRUE(std::filesystem::exists(directory_.path() / "a" / "data.mdb"));
  EXPECT_TRUE(std::filesystem::exists(directory_.path() / "a" / "b" / "data.mdb"));
}

TEST_F(MemoizeTest, MakingAFunctionTouchesNoDisk) {
  Cache cache({.directory = directory_.path() / "not yet"});
  auto f = cache.Memoize("f", [](int x) { return x; });
  EXPECT_EQ(f.Key(1), R"({"0": 1})");
  EXPECT_FALSE(std::filesystem::exists(directory_.path() / "not yet"));
}

TEST_F(MemoizeTest, ACacheInMemoryLeavesNothingBehind) {
  Cache cache({.storage = Storage::kMemory});
  int computed = 0;
  const auto function = [&](int x) { return ++computed + x; };
  EXPECT_EQ(cache.Memoize("f", function)(1), 2);
  EXPECT_EQ(cache.Memoize("f", function)(1), 2);
  EXPECT_EQ(Cache({.storage = Storage::kMemory}).Memoize("f", function)(1), 3);
  EXPECT_TRUE(cache.directory().empty());
}

// Each kind of callable whose signature is known.
int Free(int x) { return x + 1; }
int FreeNoexcept(int x) noexcept { return x + 1; }
struct ConstFunctor {
  int operator()(int x) const { return x + 1; }
};
struct PlainFunctor {
  int operator()(int x) { return x + 1; }
};
struct Adder {
  int amount = 1;
  int Add(int x) const { return x + amount; }
};

TEST_F(MemoizeTest, TakesEveryCallableWithASignature) {
  EXPECT_EQ(cache_.Memoize("1", Free)(1), 2);
  EXPECT_EQ(cache_.Memoize("2", &Free)(1), 2);
  EXPECT_EQ(cache_.Memoize("3", FreeNoexcept)(1), 2);
  EXPECT_EQ(cache_.Memoize("4", ConstFunctor())(1), 2);
  EXPECT_EQ(cache_.Memoize("5", PlainFunctor())(1), 2);
  EXPECT_EQ(cache_.Memoize("6", std::function<int(int)>(Free))(1), 2);
  EXPECT_EQ(cache_.Memoize("7", [n = 1](int x) mutable { return x + n++; })(1), 2);
  EXPECT_EQ(cache_.Memoize("8", [p = std::make_unique<int>(1)](int x) { return x + *p; })(1), 2);
  EXPECT_EQ(cache_.Memoize("9", &Adder::Add)(Adder{.amount = 2}, 1), 3);
  const auto lambda = [](int x) noexcept { return x + 1; };
  EXPECT_EQ(cache_.Memoize("10", lambda)(1), 2);
}

TEST_F(MemoizeTest, TakesEveryKindOfParameter) {
  auto f = cache_.Memoize(
      "f",
      [](std::string_view view, std::span<const double> span, std::string&& moved,
         const std::optional<int> optional, std::map<std::string, int> map) {
        moved += "!";
        return std::to_string(view.size() + span.size() + map.size() + optional.value_or(0)) +
               moved;
      },
      "view"_a, "span"_a, "moved"_a = "moved", "optional"_a = std::nullopt,
      "map"_a = std::map<std::string, int>{});
  const std::vector<double> numbers = {1, 2};
  EXPECT_EQ(f("abc", numbers), "5moved!");
  EXPECT_EQ(f("abc", numbers), "5moved!");
  EXPECT_EQ(f("abc", "optional"_a = 1, "span"_a = numbers), "6moved!");
  EXPECT_EQ(
      f.Key("abc", numbers),
      R"({"map": {}, "moved": "moved", "optional": null, "span": [1.0, 2.0], "view": "abc"})");
  EXPECT_EQ(f.Stats().misses, 2);
}

struct OnlyMovable {
  std::unique_ptr<int> number;
  friend void PermacacheKey(KeyWriter& key, const OnlyMovable& value) { key.Write(*value.number); }
};

TEST_F(MemoizeTest, MovesWhatCannotBeCopied) {
  auto f = cache_.Memoize(
      "f", [](OnlyMovable m) { return std::make_unique<int>(*m.number + 1); }, "m"_a);
  EXPECT_EQ(*f(OnlyMovable{std::make_unique<int>(1)}), 2);
  EXPECT_EQ(*f("m"_a = OnlyMovable{std::make_unique<int>(1)}), 2);
  EXPECT_EQ(f.Stats().hits, 1);
}

class Shape {
 public:
  explicit Shape(int sides) : sides_(sides) {}
  Shape(const Shape&) = delete;
  virtual ~Shape() = default;
  virtual int Area() const = 0;

 private:
  friend void PermacacheKey(KeyWriter& key, const Shape& shape) { key.Write(shape.sides_); }
  int sides_;
};

class Square : public Shape {
 public:
  Square() : Shape(4) {}
  int Area() const override { return 16; }
};

TEST_F(MemoizeTest, RefersToWhatCannotBeCopied) {
  auto f = cache_.Memoize(
      "f", [](const Shape& shape) { return shape.Area(); }, "shape"_a);
  const Square square;
  EXPECT_EQ(f(square), 16);
  EXPECT_EQ(f("shape"_a = square), 16);
  EXPECT_EQ(f.Stats().hits, 1);
}

TEST_F(MemoizeTest, ResultsOfManyKindsComeBack) {
  EXPECT_EQ(cache_.Memoize("b", [](int) { return true; })(0), true);
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(cache_.Memoize("v", [](int n) { return std::vector<bool>(n, true); })(2),
                ElementsAre(true, true));
    EXPECT_EQ(cache_.Memoize("s", [](int n) { return std::string(n, 'x'); })(2), "xx");
    EXPECT_EQ(cache_.Memoize("o", [](int n) { return std::optional<int>(n); })(2), 2);
    EXPECT_EQ(cache_.Memoize("m",
                             [](int n) {
                               return std::map<int, Image>{{n, {}}};
                             })(2)
                  .size(),
              size_t{1});
    static const std::string text = "reference";
    EXPECT_EQ(cache_.Memoize("r", [](int) -> const std::string& { return text; })(0), "reference");
  }
}

TEST_F(MemoizeTest, ThreadsMayCallOneHandle) {
  auto f = cache_.Memoize("f", [](int x) { return std::vector<int>(100, x); });
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) wrong += f(i % 20) != std::vector<int>(100, i % 20);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(f.Size(), 20);
}

}  // namespace
}  // namespace permacache::testing
