// A value as the text that people would write for it.
#include "permacache/memoize/string_form.h"

#include <gtest/gtest.h>

#include <complex>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <locale>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "permacache/memoize/memoize.h"

namespace permacache {
namespace {

using namespace permacache::literals;

constexpr KeyFormat kPython = KeyFormat::kPython;

// Has no key of its own, as its field is private, but a text.
class Ratio {
 public:
  Ratio(int a, int b) : a_(a), b_(b) {}

 private:
  friend std::ostream& operator<<(std::ostream& out, const Ratio& ratio) {
    return out << ratio.a_ << '/' << ratio.b_;
  }
  int a_;
  int b_;
};

class Length {
 public:
  explicit Length(double metres) : metres_(metres) {}

 private:
  friend std::ostream& operator<<(std::ostream& out, const Length& length) {
    return out << length.metres_ << " m";
  }
  double metres_;
};

// What has an operator<< of its own may convert, too.
struct Flag {
  bool set;
  operator bool() const { return set; }
  friend std::ostream& operator<<(std::ostream& out, const Flag& flag) {
    return out << (flag.set ? "up" : "down");
  }
};

struct ConvertsToBool {
  operator bool() const;
};
struct ConvertsToText {
  operator const char*() const;
};
struct Plain {
  int x;
};
enum Unscoped { kOne = 1 };
enum class Scoped { kOne = 1 };

static_assert(memoize::Printable<Ratio>);
static_assert(memoize::Printable<Flag>);
static_assert(memoize::Printable<std::complex<double>>);
static_assert(memoize::Printable<Unscoped>);
static_assert(!memoize::Printable<Scoped>);
static_assert(!memoize::Printable<ConvertsToBool>);
static_assert(!memoize::Printable<ConvertsToText>);
static_assert(!memoize::Printable<Plain>);
static_assert(!memoize::Printable<std::vector<int>>);
static_assert(!memoize::Printable<const int*>);
static_assert(!memoize::Printable<const char*>);
static_assert(!memoize::Printable<int[3]>);
static_assert(!memoize::Printable<std::shared_ptr<int>>);
static_assert(!memoize::Printable<std::unique_ptr<int>>);
static_assert(!memoize::Printable<int(int)>);
static_assert(!memoize::Printable<int Plain::*>);
static_assert(!memoize::Printable<decltype([](int x) { return x; })>);

TEST(StringForm, OfATextIsTheText) {
  EXPECT_EQ(StringForm(std::string("a\0\"b", 4)), std::string("a\0\"b", 4));
  EXPECT_EQ(StringForm(std::string_view("view")), "view");
  EXPECT_EQ(StringForm("literal"), "literal");
  EXPECT_EQ(StringForm(""), "");
  EXPECT_EQ(StringForm(std::u16string(u"größe")), u"größe");
  EXPECT_EQ(StringForm(U"größe"), U"größe");
  EXPECT_EQ(StringForm('c'), "c");
  EXPECT_EQ(StringForm(std::filesystem::path("a b/c")), "a b/c");
}

TEST(StringForm, OfAnIntegerIsItsDigits) {
  EXPECT_EQ(StringForm(0), "0");
  EXPECT_EQ(StringForm(-128), "-128");
  EXPECT_EQ(StringForm(static_cast<int8_t>(65)), "65");
  EXPECT_EQ(StringForm(std::numeric_limits<uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(StringForm(std::numeric_limits<int64_t>::min(), kPython), "-9223372036854775808");
  EXPECT_EQ(StringForm(key::Int128{1} << 100), "1267650600228229401496703205376");
}

TEST(StringForm, OfAFloatHasTheFewestDigits) {
  for (const KeyFormat format : {KeyFormat::kNative, kPython}) {
    EXPECT_EQ(StringForm(1.0, format), "1.0");
    EXPECT_EQ(StringForm(-0.0, format), "-0.0");
    EXPECT_EQ(StringForm(0.1, format), "0.1");
    EXPECT_EQ(StringForm(1e-5, format), "1e-05");
    EXPECT_EQ(StringForm(1e16, format), "1e+16");
    EXPECT_EQ(StringForm(5e-324, format), "5e-324");
    EXPECT_EQ(StringForm(123456789012345680.0, format), "1.2345678901234568e+17");
  }
  EXPECT_EQ(StringForm(0.1f), "0.1");
  EXPECT_EQ(StringForm(0.1f, kPython), "0.10000000149011612");
}

TEST(StringForm, IsPythonsStrInPythonsFormat) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(StringForm(true, kPython), "True");
  EXPECT_EQ(StringForm(false, kPython), "False");
  EXPECT_EQ(StringForm(kInfinity, kPython), "inf");
  EXPECT_EQ(StringForm(-kInfinity, kPython), "-inf");
  EXPECT_EQ(StringForm(kNan, kPython), "nan");
  EXPECT_EQ(StringForm(-kNan, kPython), "nan");
  EXPECT_EQ(StringForm(nullptr, kPython), "None");
}

TEST(StringForm, IsAsInAKeyInTheNativeFormat) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(StringForm(true), "true");
  EXPECT_EQ(StringForm(kInfinity), "Infinity");
  EXPECT_EQ(StringForm(-kInfinity), "-Infinity");
  EXPECT_EQ(StringForm(std::numeric_limits<float>::quiet_NaN()), "NaN");
  EXPECT_EQ(StringForm(nullptr), "null");
}

TEST(StringForm, OfOtherTypesIsWhatTheyPrint) {
  EXPECT_EQ(StringForm(Ratio(1, 2)), "1/2");
  EXPECT_EQ(StringForm(Ratio(1, 2), kPython), "1/2");
  EXPECT_EQ(StringForm(Flag{true}), "up");
  EXPECT_EQ(StringForm(std::complex(0.5, -1.0)), "(0.5,-1)");
}

TEST(StringForm, OfHashedIsThatOfTheValue) {
  EXPECT_EQ(StringForm(Hashed(std::string("text"))), "text");
  EXPECT_EQ(StringForm(Hashed(true), kPython), "True");
}

TEST(StringForm, OfPrintedNumbersThatDifferDiffers) {
  EXPECT_NE(StringForm(Length(1.0)), StringForm(Length(1.0 + 1e-15)));
  EXPECT_EQ(StringForm(Length(0.5)), "0.5 m");
}

TEST(StringForm, DoesNotDependOnTheProgramsLocale) {
  struct Grouping : std::numpunct<char> {
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
  };
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new Grouping));
  const std::string printed = StringForm(Ratio(1234567, 1));
  std::locale::global(before);
  EXPECT_EQ(printed, "1234567/1");
}

TEST(StringForm, IsAKeyFunction) {
  const Cache cache({.storage = Storage::kMemory});
  const auto make = [&](KeyFormat format) {
    return cache.Memoize(
        {.name = "f", .key_format = format},
        [](const Ratio&, double x, const std::string& text, bool flag) {
          return x + text.size() + flag;
        },
        "ratio"_a.Key(StringForm), "x"_a.Key(StringForm), "text"_a.Key(StringForm),
        ("flag"_a = false).DropIfEqual(false, StringForm));
  };
  auto native = make(KeyFormat::kNative);
  EXPECT_EQ(native.Key({1, 2}, 1, "a \"b\""), R"({"ratio": "1/2", "text": "a \"b\"", "x": "1.0"})");
  EXPECT_EQ(make(kPython).Key({1, 2}, 1e-5, "ä", true),
            R"({"flag": "True", "ratio": "1/2", "text": "\u00e4", "x": "1e-05"})");
  EXPECT_EQ(native({1, 2}, 1, "a"), 2);
  EXPECT_TRUE(native.Contains({1, 2}, 1, "a"));
  EXPECT_FALSE(native.Contains({2, 4}, 1, "a"));
}

}  // namespace
}  // namespace permacache
