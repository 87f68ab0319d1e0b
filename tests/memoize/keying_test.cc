// What of an argument enters the key.
#include "permacache/memoize/keying.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "permacache/memoize/memoize.h"

namespace permacache {
namespace {

using namespace permacache::literals;

class Mesh {
 public:
  explicit Mesh(std::string name) : name_(std::move(name)) {}
  const std::string& name() const { return name_; }

 private:
  std::string name_;
};

class KeyingTest : public ::testing::Test {
 protected:
  Cache cache_{{.storage = Storage::kMemory}};
  int computed_ = 0;
};

TEST_F(KeyingTest, AKeyFunctionsResultStandsForTheValue) {
  auto f = cache_.Memoize(
      "f", [&](const Mesh& mesh) { return ++computed_, mesh.name().size(); },
      "mesh"_a.Key([](const Mesh& mesh) { return mesh.name(); }));
  EXPECT_EQ(f.Key(Mesh("cube")), R"({"mesh": "cube"})");
  EXPECT_EQ(f(Mesh("cube")), 4u);
  EXPECT_EQ(f("mesh"_a = Mesh("cube")), 4u);
  EXPECT_EQ(computed_, 1);
  EXPECT_EQ(f(Mesh("sphere")), 6u);
  EXPECT_EQ(computed_, 2);
}

TEST_F(KeyingTest, AKeyFunctionMayBeAPointerToAMember) {
  auto f = cache_.Memoize(
      "f", [](const Mesh&) { return 1; }, "mesh"_a.Key(&Mesh::name));
  EXPECT_EQ(f.Key(Mesh("cube")), R"({"mesh": "cube"})");
}

TEST_F(KeyingTest, StableHashIsAKeyFunction) {
  auto f = cache_.Memoize(
      "f", [](const std::vector<int>& v) { return v.size(); }, "v"_a.Key(StableHash));
  EXPECT_EQ(f.Key({1, 2}), R"({"v": ")" + StableHash(std::vector{1, 2}) + R"("})");
}

TEST_F(KeyingTest, AKeyFunctionThatTakesAFormatGetsThatOfTheFunction) {
  const auto make = [&](KeyFormat format) {
    return cache_.Memoize(
        {.name = "f", .key_format = format}, [](const ArrayView<const int>& v) { return v.size(); },
        "v"_a.Key(StableHash));
  };
  const std::vector<int> numbers{1, 2};
  const ArrayView<const int> view(numbers.data(), {2});
  EXPECT_EQ(make(KeyFormat::kNative).Key(view), R"({"v": ")" + StableHash(view) + R"("})");
  EXPECT_EQ(make(KeyFormat::kPython).Key(view),
            R"({"v": ")" + StableHash(view, KeyFormat::kPython) + R"("})");
}

TEST_F(KeyingTest, AnIgnoredParameterIsNullInTheKey) {
  auto f = cache_.Memoize(
      "f", [&](int x, bool verbose) { return ++computed_, verbose ? -x : x; }, "x"_a,
      "verbose"_a.Ignore());
  EXPECT_EQ(f.Key(1, true), R"({"verbose": null, "x": 1})");
  EXPECT_EQ(f(1, false), 1);
  EXPECT_EQ(f(1, true), 1);
  EXPECT_EQ(computed_, 1);
}

TEST_F(KeyingTest, AnIgnoredParameterNeedsNoKey) {
  auto f = cache_.Memoize(
      "f",
      [&](int x, const std::function<void(int)>& progress, const char* label) {
        progress(static_cast<int>(*label));
        return x;
      },
      "x"_a, "progress"_a.Ignore(), ("label"_a = "l").Ignore());
  int told = 0;
  EXPECT_EQ(f(1, [&](int value) { told = value; }), 1);
  EXPECT_EQ(told, 'l');
}

TEST_F(KeyingTest, AParameterThatWasAddedLaterKeepsOldResults) {
  auto before = cache_.Memoize(
      "f", [&](int x) { return ++computed_, x; }, "x"_a);
  auto after = cache_.Memoize(
      "f", [&](int x, int t) { return ++computed_, x + t; }, "x"_a, ("t"_a = 0).DropIfEqual(0));
  EXPECT_EQ(before(1), 1);
  EXPECT_EQ(after(1), 1);
  EXPECT_EQ(after(1, 0), 1);
  EXPECT_EQ(computed_, 1);
  EXPECT_EQ(after(1, 2), 3);
  EXPECT_EQ(computed_, 2);
  EXPECT_EQ(after.Key(1, 2), R"({"t": 2, "x": 1})");
}

TEST_F(KeyingTest, AValueIsDroppedAsTheTypeThatItIsFor) {
  auto f = cache_.Memoize(
      "f", [](double t, const std::string& s, size_t n) { return t + n + s.size(); },
      ("t"_a = 0).DropIfEqual(0), ("s"_a = "").DropIfEqual("none"), ("n"_a = 7).DropIfEqual(7));
  EXPECT_EQ(f.Key(), R"({"s": ""})");
  EXPECT_EQ(f.Key(0.5, "none", 8), R"({"n": 8, "t": 0.5})");
  EXPECT_EQ(f.Key(0, std::string("none")), "{}");
}

TEST_F(KeyingTest, WhatThePredicateAcceptsIsDropped) {
  auto f = cache_.Memoize(
      "f", [](int u) { return u; }, ("u"_a = 0).DropIf([](int u) { return u < 3; }));
  EXPECT_EQ(f.Key(), "{}");
  EXPECT_EQ(f.Key(2), "{}");
  EXPECT_EQ(f.Key(3), R"({"u": 3})");
}

TEST_F(KeyingTest, WhatIsNotDroppedMayHaveAKeyFunction) {
  const auto twice = [](int u) { return 2 * u; };
  auto f = cache_.Memoize(
      "f", [](int t, int u) { return t + u; }, ("t"_a = 0).DropIfEqual(0, StableHash),
      ("u"_a = 0).DropIf([](int u) { return u < 3; }, twice));
  EXPECT_EQ(f.Key(), "{}");
  EXPECT_EQ(f.Key(1, 4), R"({"t": ")" + StableHash(1) + R"(", "u": 8})");
}

TEST_F(KeyingTest, ADefaultMayComeBeforeOrAfterWhatEntersTheKey) {
  const auto add = [](int x, int y) { return x + y; };
  auto before = cache_.Memoize("f", add, "x"_a = 1, ("y"_a = 2).Ignore());
  auto after = cache_.Memoize("f", add, "x"_a = 1, "y"_a.Ignore() = 2);
  EXPECT_EQ(before.Key(), R"({"x": 1, "y": null})");
  EXPECT_EQ(after.Key(), R"({"x": 1, "y": null})");
  EXPECT_EQ(after(5), 7);
}

TEST_F(KeyingTest, PythonsFormatIsThatOfTheWholeKey) {
  auto f = cache_.Memoize(
      {.name = "f", .key_format = KeyFormat::kPython},
      [](const std::map<int, float>& m, float x) { return m.size() + x; }, "m"_a, "x"_a);
  EXPECT_EQ(f.Key({{10, 1.5f}, {9, 2.5f}}, 0.1f),
            R"({"m": {"9": 2.5, "10": 1.5}, "x": 0.10000000149011612})");
}

TEST_F(KeyingTest, TheFieldsOfASingleHashedStructAreTheArguments) {
  struct Scene {
    int width = 640;
    double height = 0.5;
  };
  auto plain = cache_.Memoize("render", [&](const Scene& s) { return ++computed_, s.width; });
  auto hashed =
      cache_.Memoize("render", [&](const Hashed<Scene>& s) { return ++computed_, s->width; });
  const Hashed scene(Scene{});
  EXPECT_EQ(hashed.Key(scene), plain.Key(*scene));
  EXPECT_EQ(plain(*scene), 640);
  EXPECT_EQ(hashed(scene), 640);
  EXPECT_EQ(computed_, 1);
}

TEST_F(KeyingTest, HashedAndPlainValuesShareResults) {
  const std::vector<double> samples(1000, 0.5);
  auto plain = cache_.Memoize(
      "norm", [&](const std::vector<double>& v) { return ++computed_, v.size(); }, "v"_a);
  auto hashed = cache_.Memoize(
      "norm", [&](const Hashed<std::vector<double>>& v) { return ++computed_, v->size(); }, "v"_a);
  const Hashed data(samples);
  EXPECT_EQ(plain(samples), 1000u);
  EXPECT_EQ(hashed(data), 1000u);
  EXPECT_EQ(hashed("v"_a = data), 1000u);
  EXPECT_EQ(computed_, 1);
}

}  // namespace
}  // namespace permacache
