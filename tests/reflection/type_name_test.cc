#include "permacache/reflection/type_name.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

struct GlobalStruct {};

namespace permacache::reflection {

enum class Color { kRed };

namespace outer::inner {

class Deep {
 public:
  struct Nested {};
  enum Kind { kOne };
};

template <class T>
struct Image {
  struct Row {};
  template <class U>
  struct Slice {};
};

template <int kSize, bool kFlag>
struct Sized {};

}  // namespace outer::inner

namespace {

struct Hidden {};

struct name_2_with_Digits_and_underscores_ {};

using Alias = Hidden;

template <class T>
auto LocalOfTemplate() {
  struct Local {};
  return Local{};
}

TEST(TypeName, IsThatOfAClass) { EXPECT_EQ(TypeName<GlobalStruct>(), "GlobalStruct"); }

TEST(TypeName, IsThatOfAnEnum) {
  EXPECT_EQ(TypeName<Color>(), "Color");
  EXPECT_EQ(TypeName<outer::inner::Deep::Kind>(), "Kind");
}

TEST(TypeName, IsThatOfAScalar) {
  EXPECT_EQ(TypeName<int>(), "int");
  EXPECT_EQ(TypeName<double>(), "double");
}

TEST(TypeName, LeavesOutNamespacesAndEnclosingClasses) {
  EXPECT_EQ(TypeName<outer::inner::Deep>(), "Deep");
  EXPECT_EQ(TypeName<outer::inner::Deep::Nested>(), "Nested");
}

TEST(TypeName, LeavesOutAnonymousNamespaces) {
  EXPECT_EQ(TypeName<Hidden>(), "Hidden");
  EXPECT_EQ(TypeName<outer::inner::Image<Hidden>>(), "Image");
}

TEST(TypeName, LeavesOutTemplateArguments) {
  EXPECT_EQ(TypeName<outer::inner::Image<float>>(), "Image");
  EXPECT_EQ(TypeName<outer::inner::Image<outer::inner::Image<int>>>(), "Image");
  EXPECT_EQ((TypeName<outer::inner::Image<std::map<std::string, std::vector<int>>>>()), "Image");
  EXPECT_EQ((TypeName<outer::inner::Sized<-3, true>>()), "Sized");
  EXPECT_EQ(TypeName<std::vector<int>>(), "vector");
}

TEST(TypeName, LeavesOutTemplateArgumentsWithPunctuation) {
  EXPECT_EQ(TypeName<outer::inner::Image<void (*)(int[3], char)>>(), "Image");
  EXPECT_EQ(TypeName<outer::inner::Image<int(&)[4]>>(), "Image");
}

TEST(TypeName, OfAMemberOfATemplate) {
  EXPECT_EQ(TypeName<outer::inner::Image<float>::Row>(), "Row");
  EXPECT_EQ(TypeName<outer::inner::Image<float>::Slice<int>>(), "Slice");
}

TEST(TypeName, OfAStructInAFunction) {
  struct Local {};
  EXPECT_EQ(TypeName<Local>(), "Local");
  EXPECT_EQ(TypeName<outer::inner::Image<Local>>(), "Image");
  EXPECT_EQ(TypeName<decltype(LocalOfTemplate<std::vector<int>>())>(), "Local");
  const auto in_lambda = [] {
    struct InLambda {};
    return TypeName<InLambda>();
  };
  EXPECT_EQ(in_lambda(), "InLambda");
}

TEST(TypeName, KeepsDigitsAndUnderscores) {
  EXPECT_EQ(TypeName<name_2_with_Digits_and_underscores_>(), "name_2_with_Digits_and_underscores_");
}

TEST(TypeName, IsThatOfTheTypeBehindAnAlias) { EXPECT_EQ(TypeName<Alias>(), "Hidden"); }

TEST(TypeName, IsEmptyForALambda) {
  const auto plain = [] {};
  const auto generic = [](auto x, int y) { return x + y; };
  EXPECT_EQ(TypeName<decltype(plain)>(), "");
  EXPECT_EQ(TypeName<decltype(generic)>(), "");
}

TEST(TypeName, IsEmptyForUnnamedTypes) {
  struct {
    int x = 0;
  } unnamed_struct;
  enum { kUnnamed };
  EXPECT_EQ(TypeName<decltype(unnamed_struct)>(), "");
  EXPECT_EQ(TypeName<decltype(kUnnamed)>(), "");
}

TEST(TypeName, IsKnownAtCompileTime) {
  static_assert(TypeName<outer::inner::Image<int>>() == std::string_view("Image"));
}

}  // namespace
}  // namespace permacache::reflection
