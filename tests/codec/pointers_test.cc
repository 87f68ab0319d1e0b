// Smart pointers that are special; codec_test.cc has the usual ones.
#include "permacache/codec/pointers.h"

#include <cereal/types/memory.hpp>
#include <memory>
#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "permacache/codec/codec.h"

namespace permacache::codec {
namespace {

// Made by a function, as it has no default constructor.
class Port {
 public:
  explicit Port(int number) : number_(number) {}

  int number() const { return number_; }

  template <class Archive>
  void serialize(Archive& archive) {
    archive(number_);
  }

  template <class Archive>
  static void load_and_construct(Archive& archive, cereal::construct<Port>& construct) {
    int number = 0;
    archive(number);
    construct(number);
  }

 private:
  int number_;
};

// Only cereal makes one of nothing.
class Hidden {
 public:
  static std::shared_ptr<Hidden> Make() { return std::shared_ptr<Hidden>(new Hidden); }

  std::string text = "default";

 private:
  friend class cereal::access;

  Hidden() = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(text);
  }
};

struct Node : std::enable_shared_from_this<Node> {
  int value = 0;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(value);
  }
};

template <class T>
T AfterRoundTrip(const T& value, Encoding encoding) {
  return Decode<T>(Encode(value, encoding)).value();
}

class PointersTest : public ::testing::TestWithParam<Encoding> {};

INSTANTIATE_TEST_SUITE_P(Encodings, PointersTest,
                         ::testing::Values(Encoding::kBinary, Encoding::kJson));

TEST_P(PointersTest, ToClassesThatCerealLoadsAndConstructs) {
  EXPECT_EQ(AfterRoundTrip(std::make_unique<Port>(80), GetParam())->number(), 80);
  const auto shared = std::make_shared<Port>(443);
  const auto [first, second] = AfterRoundTrip(std::pair(shared, shared), GetParam());
  EXPECT_EQ(first->number(), 443);
  EXPECT_EQ(first, second);
}

TEST_P(PointersTest, ToClassesWhoseConstructorIsForCerealAlone) {
  const std::shared_ptr<Hidden> hidden = Hidden::Make();
  hidden->text = "text";
  EXPECT_EQ(AfterRoundTrip(hidden, GetParam())->text, "text");
}

TEST_P(PointersTest, ToConstantsAndWithAnotherDeleter) {
  EXPECT_EQ(*AfterRoundTrip(std::make_shared<const std::string>("text"), GetParam()), "text");
  struct Deleter {
    void operator()(int* number) const { delete number; }
  };
  EXPECT_EQ(*AfterRoundTrip(std::unique_ptr<int, Deleter>(new int(3)), GetParam()), 3);
}

TEST_P(PointersTest, ToObjectsThatKnowWhoSharesThem) {
  const auto node = std::make_shared<Node>();
  node->value = 3;
  const std::shared_ptr<Node> decoded = AfterRoundTrip(node, GetParam());
  EXPECT_EQ(decoded->shared_from_this(), decoded);
  EXPECT_EQ(decoded->value, 3);
}

TEST_P(PointersTest, ThatDoNotKeepWhatTheyPointTo) {
  struct Two {
    std::shared_ptr<std::string> text;
    std::weak_ptr<std::string> observer;
  };
  Two value = {std::make_shared<std::string>("text"), {}};
  EXPECT_EQ(AfterRoundTrip(value, GetParam()).observer.lock(), nullptr);
  value.observer = value.text;
  const Two decoded = AfterRoundTrip(value, GetParam());
  EXPECT_EQ(*decoded.text, "text");
  EXPECT_EQ(decoded.observer.lock(), decoded.text);
}

TEST_P(PointersTest, OfTwoTypesAreNotTakenForEachOther) {
  struct Two {
    std::shared_ptr<Port> port;
    std::shared_ptr<std::string> text;
  };
  const Two value = {std::make_shared<Port>(80), nullptr};
  std::string bytes = Encode(value);
  bytes[bytes.size() - 4] = 1;  // the number of the port
  EXPECT_THROW(Decode<Two>(bytes), DecodeError);

  struct Watched {
    std::shared_ptr<std::string> text;
    std::weak_ptr<int32_t> number;
  };
  bytes = Encode(Watched{std::make_shared<std::string>("text"), {}});
  bytes[bytes.size() - 4] = 1;  // the number of the text
  EXPECT_THROW(Decode<Watched>(bytes), DecodeError);
}

}  // namespace
}  // namespace permacache::codec
