#include "permacache/codec/shape.h"

#include <array>
#include <bitset>
#include <chrono>
#include <complex>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <ratio>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "permacache/codec/codec.h"
#include "tests/codec/types.h"

namespace permacache::codec {
namespace {

using types::Color;
using types::Empty;
using types::Sphere;
using types::Tree;
using types::WithSaveAndLoad;
using types::WithSerialize;

// Each namespace holds the type Point of one version of a program.
namespace original {
struct Point {
  int32_t x = 0;
  int32_t y = 0;
};
}  // namespace original
namespace same {
struct Point {
  int32_t x = 0;
  int32_t y = 0;
};
}  // namespace same
namespace renamed {
struct Point {
  int32_t x = 0;
  int32_t z = 0;
};
}  // namespace renamed
namespace retyped {
struct Point {
  int32_t x = 0;
  float y = 0;
};
}  // namespace retyped
namespace unsigned_now {
struct Point {
  int32_t x = 0;
  uint32_t y = 0;
};
}  // namespace unsigned_now
namespace reordered {
struct Point {
  int32_t y = 0;
  int32_t x = 0;
};
}  // namespace reordered
namespace grown {
struct Point {
  int32_t x = 0;
  int32_t y = 0;
  int32_t z = 0;
};
}  // namespace grown
namespace shrunk {
struct Point {
  int32_t x = 0;
};
}  // namespace shrunk
namespace other {
struct Vector {
  int32_t x = 0;
  int32_t y = 0;
};
}  // namespace other

template <class Point>
struct Holder {
  std::map<std::string, std::vector<Point>> points;
};

TEST(Shape, OfNumbers) {
  EXPECT_EQ(Shape<bool>(), "bool");
  EXPECT_EQ(Shape<char>(), "char1");
  EXPECT_EQ(Shape<int8_t>(), "i1");
  EXPECT_EQ(Shape<uint16_t>(), "u2");
  EXPECT_EQ(Shape<long long>(), "i8");
  EXPECT_EQ(Shape<float>(), "f4");
  EXPECT_EQ(Shape<double>(), "f8");
  EXPECT_EQ(Shape<long double>(), "float");
}

TEST(Shape, OfEnums) { EXPECT_EQ(Shape<Color>(), "enum Color:u1"); }

TEST(Shape, OfContainers) {
  EXPECT_EQ(Shape<std::string>(), "text1");
  EXPECT_EQ(Shape<std::u16string>(), "text2");
  EXPECT_EQ(Shape<std::vector<bool>>(), "[bool]");
  EXPECT_EQ(Shape<std::deque<int32_t>>(), "[i4]");
  EXPECT_EQ(Shape<std::set<std::string>>(), "[text1]");
  EXPECT_EQ((Shape<std::array<double, 3>>()), "[f8;3]");
  EXPECT_EQ((Shape<std::map<std::string, int32_t>>()), "{text1:i4}");
  EXPECT_EQ((Shape<std::unordered_multimap<int32_t, bool>>()), "{i4:bool}");
  EXPECT_EQ(Shape<std::bitset<10>>(), "bits(10)");
}

TEST(Shape, OfTheOtherTemplates) {
  EXPECT_EQ(Shape<std::optional<int32_t>>(), "optional(i4)");
  EXPECT_EQ(Shape<std::unique_ptr<bool>>(), "unique(bool)");
  EXPECT_EQ(Shape<std::shared_ptr<bool>>(), "shared(bool)");
  EXPECT_EQ((Shape<std::variant<bool, std::string>>()), "(bool|text1)");
  EXPECT_EQ((Shape<std::pair<bool, char>>()), "(bool,char1)");
  EXPECT_EQ((Shape<std::tuple<bool, char, float>>()), "(bool,char1,f4)");
  EXPECT_EQ(Shape<std::complex<float>>(), "complex(f4)");
  EXPECT_EQ((Shape<std::chrono::duration<int64_t, std::milli>>()), "duration(i8,1/1000)");
  EXPECT_EQ(
      (Shape<std::chrono::time_point<std::chrono::system_clock, std::chrono::duration<int64_t>>>()),
      "time(duration(i8,1/1))");
}

TEST(Shape, OfStructs) {
  EXPECT_EQ(Shape<Sphere>(), "struct Sphere{radius:f8,material:text1}");
  EXPECT_EQ(Shape<Empty>(), "struct Empty{}");
}

TEST(Shape, OfARecursiveStructEnds) {
  EXPECT_EQ(Shape<Tree>(), "struct Tree{value:i4,children:[struct Tree]}");
  EXPECT_EQ((Shape<std::pair<Tree, Tree>>()), "(" + Shape<Tree>() + "," + Shape<Tree>() + ")");
}

TEST(Shape, OfAClassWithFunctionsForCereal) {
  EXPECT_EQ(Shape<WithSerialize>(), "class WithSerialize");
  EXPECT_EQ(Shape<WithSaveAndLoad>(), "class WithSaveAndLoad");
}

template <class T, int kSize>
class Matrix {
 public:
  class Row {
   public:
    template <class Archive>
    void serialize(Archive& archive) {
      archive(numbers_);
    }

   private:
    std::vector<T> numbers_;
  };

  template <class Archive>
  void serialize(Archive& archive) {
    archive(numbers_);
  }

 private:
  std::vector<T> numbers_;
};

TEST(Shape, OfAClassTemplateShowsItsArguments) {
  EXPECT_EQ((Shape<Matrix<float, 3>>()), "class Matrix<float,3>");
  EXPECT_NE((Shape<Matrix<float, 3>>()), (Shape<Matrix<double, 3>>()));
  EXPECT_NE((Shape<Matrix<float, 3>::Row>()), (Shape<Matrix<double, 3>::Row>()));
}

TEST(FingerprintOf, IsFnv1a) {
  EXPECT_EQ(FingerprintOf(""), 0xcbf29ce484222325u);
  EXPECT_EQ(FingerprintOf("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(FingerprintOf("foobar"), 0x85944171f73967e8u);
}

TEST(Fingerprint, IsThatOfTheShape) {
  EXPECT_EQ(Fingerprint<Sphere>(), FingerprintOf(Shape<Sphere>()));
}

TEST(Fingerprint, DoesNotDependOnTheNamespace) {
  EXPECT_EQ(Fingerprint<original::Point>(), Fingerprint<same::Point>());
}

template <class Point>
class ChangedTypeTest : public ::testing::Test {};

using ChangedTypes = ::testing::Types<renamed::Point, retyped::Point, unsigned_now::Point,
                                      reordered::Point, grown::Point, shrunk::Point, other::Vector>;
TYPED_TEST_SUITE(ChangedTypeTest, ChangedTypes);

TYPED_TEST(ChangedTypeTest, HasAnotherFingerprint) {
  EXPECT_NE(Fingerprint<original::Point>(), Fingerprint<TypeParam>());
}

TYPED_TEST(ChangedTypeTest, HasAnotherFingerprintInsideOfOthers) {
  EXPECT_NE(Fingerprint<Holder<original::Point>>(), Fingerprint<Holder<TypeParam>>());
  EXPECT_NE(Fingerprint<std::optional<original::Point>>(), Fingerprint<std::optional<TypeParam>>());
}

TYPED_TEST(ChangedTypeTest, DoesNotDecode) {
  const std::string bytes = Encode(original::Point{1, 2});
  EXPECT_FALSE(HasShapeOf<TypeParam>(bytes));
  EXPECT_EQ(Decode<TypeParam>(bytes), std::nullopt);
}

}  // namespace
}  // namespace permacache::codec
