// JSON as an encoding: exact for every value, readable, and harmless when damaged or made by an
// enemy.
#include <array>
#include <bit>
#include <bitset>
#include <chrono>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "permacache/codec/codec.h"
#include "permacache/testing/random.h"
#include "tests/codec/outcome.h"
#include "tests/codec/types.h"

namespace permacache::codec {
namespace {

using types::Chain;
using types::Color;
using types::Empty;
using types::Everything;
using types::FullValue;
using types::Sphere;
using types::Tree;
using types::WithSerialize;

// Equal in every bit, which == does not say of NaN and zero.
template <class T>
void ExpectExactRoundTrip(const T& value) {
  const std::string text = Encode(value, Encoding::kJson);
  ASSERT_TRUE(json::IsValid(text)) << text;
  ASSERT_TRUE(HasShapeOf<T>(text));
  const std::optional<T> decoded = Decode<T>(text);
  ASSERT_TRUE(decoded.has_value()) << text;
  ASSERT_EQ(Encode(*decoded), Encode(value)) << text;
}

// JSON of a T with this text for its value.
template <class T>
std::string JsonOf(std::string_view value) {
  return internal::JsonHead<T>() + std::string(value) + std::string(internal::kJsonEnd);
}

template <class T>
Outcome OutcomeOfValue(std::string_view value) {
  return OutcomeOf<T>(JsonOf<T>(value));
}

TEST(Json, IsThatOfTheGoldenFile) {
  std::ifstream file("tests/codec/json.golden");
  const std::string golden{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(Encode(FullValue(), Encoding::kJson) + "\n", golden);
}

// The JSON of the value alone, without line ends and indentation.
template <class T>
std::string ValueOnOneLine(const T& value) {
  const std::string text = Encode(value, Encoding::kJson);
  std::string line;
  for (size_t i = internal::JsonHead<T>().size(); i < text.size() - internal::kJsonEnd.size();
       ++i) {
    if (text[i] == '\n') {
      i = text.find_first_not_of(' ', i + 1) - 1;
    } else {
      line += text[i];
    }
  }
  return line;
}

// The table of FORMAT.md.
TEST(Json, OfEachKindIsThatOfTheTable) {
  EXPECT_EQ(ValueOnOneLine(true), "true");
  EXPECT_EQ(ValueOnOneLine('\xff'), "255");
  EXPECT_EQ(ValueOnOneLine(Color::kGreen), "7");
  EXPECT_EQ(ValueOnOneLine(-0.1), "-0.1");
  EXPECT_EQ(ValueOnOneLine(0.5L), "0.5");
  EXPECT_EQ(ValueOnOneLine(std::bit_cast<float>(0xffc00000u)), "\"nan:ffc00000\"");
  EXPECT_EQ(ValueOnOneLine(std::string("a\n")), "\"a\\n\"");
  EXPECT_EQ(ValueOnOneLine(std::string("\xff")), "{\"base64\": \"/w==\"}");
  EXPECT_EQ(ValueOnOneLine(std::u16string(u"ab")), "[97, 98]");
  EXPECT_EQ(ValueOnOneLine(std::vector{true, false}), "[true, false]");
  EXPECT_EQ(ValueOnOneLine(std::array{1, 2}), "[1, 2]");
  EXPECT_EQ(ValueOnOneLine(std::map<int, bool>{{1, true}}), R"([{"key": 1,"value": true}])");
  EXPECT_EQ(ValueOnOneLine(std::pair(1, 2)), R"({"first": 1,"second": 2})");
  EXPECT_EQ(ValueOnOneLine(std::tuple(1, 2)), R"({"tuple_element0": 1,"tuple_element1": 2})");
  EXPECT_EQ(ValueOnOneLine(Empty{}), "{}");
  EXPECT_EQ(ValueOnOneLine(std::optional<int>()), R"({"nullopt": true})");
  EXPECT_EQ(ValueOnOneLine(std::optional(3)), R"({"nullopt": false,"data": 3})");
  EXPECT_EQ(ValueOnOneLine(std::variant<std::monostate>()), R"({"index": 0,"data": {}})");
  EXPECT_EQ(ValueOnOneLine(std::make_unique<int>(5)), R"({"ptr_wrapper": {"valid": 1,"data": 5}})");
  EXPECT_EQ(ValueOnOneLine(std::unique_ptr<int>()), R"({"ptr_wrapper": {"valid": 0}})");
  EXPECT_EQ(ValueOnOneLine(std::make_shared<int>(5)),
            R"({"ptr_wrapper": {"id": 2147483649,"data": 5}})");
  EXPECT_EQ(ValueOnOneLine(std::complex(1.5, 2.0)), R"({"real": 1.5,"imag": 2})");
  EXPECT_EQ(ValueOnOneLine(std::chrono::seconds(3)), R"({"count": 3})");
  EXPECT_EQ(ValueOnOneLine(std::chrono::system_clock::time_point()),
            R"({"time_since_epoch": {"count": 0}})");
  EXPECT_EQ(ValueOnOneLine(std::bitset<3>(1)), "\"001\"");
}

TEST(Json, KeepsEveryBitOfNumbers) {
  std::mt19937_64 random = testing::SeededRandom();
  for (int i = 0; i < 20'000; ++i) {
    const uint64_t bits = random();
    ExpectExactRoundTrip(std::bit_cast<double>(bits));
    ExpectExactRoundTrip(std::bit_cast<float>(static_cast<uint32_t>(bits)));
    ExpectExactRoundTrip(bits);
    ExpectExactRoundTrip(static_cast<int64_t>(bits));
    ExpectExactRoundTrip(static_cast<int8_t>(bits));
    ExpectExactRoundTrip(static_cast<char>(bits));
    ExpectExactRoundTrip(static_cast<char16_t>(bits));
    ExpectExactRoundTrip(static_cast<wchar_t>(bits));
  }
}

TEST(Json, KeepsNumbersThatJsonDoesNotHave) {
  using Limits = std::numeric_limits<double>;
  for (const double number :
       {Limits::quiet_NaN(), -Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity(), -0.0,
        Limits::denorm_min(), Limits::max(), std::bit_cast<double>(uint64_t{0x7ff0000000000001}),
        std::bit_cast<double>(uint64_t{0xffffffffffffffff})}) {
    ExpectExactRoundTrip(number);
    ExpectExactRoundTrip(std::vector{number, 1.5});
    ExpectExactRoundTrip(static_cast<float>(number));
    ExpectExactRoundTrip(static_cast<long double>(number));
  }
  EXPECT_EQ(Encode(-Limits::infinity(), Encoding::kJson), JsonOf<double>("\"-inf\""));
  EXPECT_EQ(Encode(Limits::quiet_NaN(), Encoding::kJson), JsonOf<double>("\"nan\""));
}

std::string RandomBytes(std::mt19937_64& random) {
  std::string bytes(random() % 30, '\0');
  const bool ascii = random() % 2 == 0;
  for (char& c : bytes) c = static_cast<char>(ascii ? random() % 128 : random());
  return bytes;
}

double RandomNumber(std::mt19937_64& random) {
  const uint64_t bits = random();
  return bits % 2 == 0 ? std::bit_cast<double>(bits) : static_cast<double>(bits % 1000) / 8;
}

Tree RandomTree(std::mt19937_64& random, int depth) {
  Tree tree{static_cast<int32_t>(random()), {}};
  for (uint64_t i = depth == 0 ? 0 : random() % 4; i > 0; --i) {
    tree.children.push_back(RandomTree(random, depth - 1));
  }
  return tree;
}

Everything RandomValue(std::mt19937_64& random) {
  Everything value;
  value.flag = random() % 2 == 0;
  value.letter = static_cast<char>(random());
  value.color = static_cast<Color>(random());
  value.small = static_cast<int16_t>(random());
  value.large = random();
  value.single_number = std::bit_cast<float>(static_cast<uint32_t>(random()));
  value.text = RandomBytes(random);
  for (uint64_t i = random() % 50; i > 0; --i) value.numbers.push_back(RandomNumber(random));
  for (uint64_t i = random() % 9; i > 0; --i) value.bits.push_back(random() % 2 == 0);
  for (uint64_t i = random() % 4; i > 0; --i) {
    auto& spheres = value.spheres[RandomBytes(random)];
    spheres.resize(random() % 3);
    for (Sphere& sphere : spheres) sphere = {RandomNumber(random), RandomBytes(random)};
  }
  if (random() % 2 == 0) value.maybe.emplace();
  if (random() % 4 == 0) value.maybe.emplace(static_cast<int32_t>(random()));
  if (random() % 3 == 0) value.either = static_cast<int32_t>(random());
  if (random() % 3 == 0) value.either = Empty{};
  if (random() % 3 == 0) value.either = RandomBytes(random);
  value.parts = {static_cast<int8_t>(random()), {random() % 2 == 0, static_cast<char>(random())}};
  value.tree = RandomTree(random, 4);
  value.nothing.resize(random() % 3);
  return value;
}

TEST(Json, GivesBackAnyValueExactly) {
  std::mt19937_64 random = testing::SeededRandom();
  for (int i = 0; i < 500; ++i) ExpectExactRoundTrip(RandomValue(random));
}

TEST(Json, GivesBackMapsOfAnyKeys) {
  ExpectExactRoundTrip(std::map<int, std::string>{{1, "a"}, {-2, "\xff"}});
  ExpectExactRoundTrip(
      std::map<double, int>{{0.5, 1}, {-std::numeric_limits<double>::infinity(), 2}});
  ExpectExactRoundTrip(std::map<std::pair<int, std::string>, std::vector<int>>{{{1, "\0"}, {1}}});
  ExpectExactRoundTrip(std::map<std::vector<bool>, std::optional<int>>{{{true}, {}}, {{}, 1}});
}

// As image data: cereal hands it over in bulk, in a class of a user as in the standard's.
struct Blob {
  std::vector<uint8_t> bytes;

  template <class Archive>
  void save(Archive& archive) const {
    archive(cereal::make_size_tag(bytes.size()));
    archive(cereal::binary_data(bytes.data(), bytes.size()));
    archive(cereal::make_nvp("after", 7));
  }
  template <class Archive>
  void load(Archive& archive) {
    cereal::size_type size;
    archive(cereal::make_size_tag(size));
    bytes.resize(size);
    archive(cereal::binary_data(bytes.data(), size));
    int after;
    archive(after);
  }
  bool operator==(const Blob&) const = default;
};

TEST(Json, GivesBackBlobsOfUsers) {
  ExpectExactRoundTrip(Blob{{0, 1, 255}});
  ExpectExactRoundTrip(std::vector<Blob>{{{}}, {{9}}});
  EXPECT_EQ(Encode(Blob{{5, 6}}, Encoding::kJson), JsonOf<Blob>("[2, 5, 6, 7]"));
}

TEST(Json, HasTheNamesThatUsersGave) {
  EXPECT_EQ(Encode(std::pair(1, true), Encoding::kJson),
            (JsonOf<std::pair<int, bool>>("{\n    \"first\": 1,\n    \"second\": true\n  }")));
  EXPECT_EQ(Encode(WithSerialize(3, "a"), Encoding::kJson), JsonOf<WithSerialize>("[3, \"a\"]"));
}

// A container whose functions write more than a length and its elements.
class Titled {
 public:
  const int* begin() const { return elements_.data(); }
  const int* end() const { return elements_.data() + elements_.size(); }

  template <class Archive>
  void save(Archive& archive) const {
    archive(cereal::make_size_tag(elements_.size()));
    for (const int i : elements_) archive(i);
    archive(1);
  }
  template <class Archive>
  void load(Archive&) {}

 private:
  std::vector<int> elements_ = {1, 2};
};

TEST(Json, RefusesWhatItCouldNotReadBack) {
  EXPECT_THROW(Encode(Titled(), Encoding::kJson), cereal::Exception);
}

Tree Deep(int depth) {
  Tree tree;
  for (int i = 1; i < depth; ++i) {
    Tree above;
    above.children.push_back(std::move(tree));
    tree = std::move(above);
  }
  return tree;
}

TEST(Json, IsOfBoundedDepth) {
  ExpectExactRoundTrip(Deep(400));
  EXPECT_THROW(Encode(Deep(600), Encoding::kJson), cereal::Exception);
  const auto nested = [](size_t depth) {
    std::string text;
    for (size_t i = 0; i < depth; ++i) text += "{\"value\": 0, \"children\": [";
    for (size_t i = 0; i < depth; ++i) text += "]}";
    return text;
  };
  EXPECT_EQ(OutcomeOfValue<Tree>(nested(400)), Outcome::kDecoded);
  EXPECT_EQ(OutcomeOfValue<Tree>(nested(600)), Outcome::kDamaged);
  EXPECT_EQ(OutcomeOfValue<Tree>(nested(100'000)), Outcome::kDamaged);
  EXPECT_EQ(OutcomeOfValue<Tree>(std::string(500'000, '[')), Outcome::kDamaged);
}

TEST(Json, OfAnotherTypeIsAFailedPrecondition) {
  const std::string text = Encode(int32_t{1}, Encoding::kJson);
  EXPECT_EQ(OutcomeOf<uint32_t>(text), Outcome::kOtherType);
  EXPECT_EQ(OutcomeOf<Sphere>(text), Outcome::kOtherType);
  EXPECT_FALSE(HasShapeOf<uint32_t>(text));
}

TEST(Json, ThatIsNotTheValueIsDataLoss) {
  for (const char* value : {"", "x", "1 2", "1,2", "\"1\"", "1.5", "1e2", "2147483648", "true",
                            "null", "[1]", "{}", " "}) {
    EXPECT_EQ(OutcomeOfValue<int32_t>(value), Outcome::kDamaged) << value;
  }
  for (const char* value : {"256", "-1"})
    EXPECT_EQ(OutcomeOfValue<uint8_t>(value), Outcome::kDamaged) << value;
  for (const char* value : {"0", "1", "null", "\"true\""})
    EXPECT_EQ(OutcomeOfValue<bool>(value), Outcome::kDamaged);
  for (const char* value :
       {"\"\"", "\"1x\"", "\"nan:\"", "\"nan:0\"", "\"nan:xyz\"", "true", "[]"}) {
    EXPECT_EQ(OutcomeOfValue<double>(value), Outcome::kDamaged) << value;
  }
  for (const char* value : {"1", "[]", "{}", "{\"base64\": \"x\"}", "{\"base64\": 1}"}) {
    EXPECT_EQ(OutcomeOfValue<std::string>(value), Outcome::kDamaged) << value;
  }
  for (const char* value : {"\"01\"", "\"0111\"", "\"01x\"", "3"}) {
    EXPECT_EQ(OutcomeOfValue<std::bitset<3>>(value), Outcome::kDamaged) << value;
  }
  for (const char* value : {"{}", "3", "[1,true]", "[\"1\"]"}) {
    EXPECT_EQ(OutcomeOfValue<std::vector<int>>(value), Outcome::kDamaged) << value;
  }
  for (const char* value : {"[1]", "[1,2,3]"})
    EXPECT_EQ((OutcomeOfValue<std::array<int, 2>>(value)), Outcome::kDamaged);
}

TEST(Json, WithOtherFieldsIsDataLoss) {
  EXPECT_EQ(OutcomeOfValue<Sphere>(R"({"radius": 1, "material": ""})"), Outcome::kDecoded);
  for (const char* value :
       {R"({"radius": 1})", R"({"material": "", "radius": 1})", R"({"radius": 1, "other": ""})",
        R"({"radius": 1, "material": "", "more": 1})", R"({})"}) {
    EXPECT_EQ(OutcomeOfValue<Sphere>(value), Outcome::kDamaged) << value;
  }
}

TEST(Json, WithAnAlternativeOrALengthThatCannotBeIsDataLoss) {
  using Either = std::variant<int32_t, bool>;
  EXPECT_EQ(OutcomeOfValue<Either>(R"({"index": 1, "data": true})"), Outcome::kDecoded);
  EXPECT_EQ(OutcomeOfValue<Either>(R"({"index": 2, "data": true})"), Outcome::kDamaged);
  EXPECT_EQ(OutcomeOfValue<Either>(R"({"index": -1, "data": true})"), Outcome::kDamaged);
  EXPECT_EQ(OutcomeOfValue<Blob>("[9223372036854775807, 1]"), Outcome::kDamaged);
  EXPECT_EQ(OutcomeOfValue<Blob>("[-1, 1]"), Outcome::kDamaged);
}

TEST(Json, ASharedPointerDoesNotBecomeOneOfAnotherType) {
  using Two = std::pair<std::shared_ptr<int32_t>, std::shared_ptr<std::string>>;
  const std::string sound = Encode(Two(std::make_shared<int32_t>(3), nullptr), Encoding::kJson);
  const size_t null = sound.rfind("\"id\": 0");
  ASSERT_NE(null, sound.npos) << sound;
  std::string changed = sound;
  changed[null + 6] = '1';
  EXPECT_EQ(OutcomeOf<Two>(sound), Outcome::kDecoded);
  EXPECT_EQ(OutcomeOf<Two>(changed), Outcome::kDamaged);
}

TEST(Json, EveryTruncationIsRefused) {
  const std::string text = Encode(FullValue(), Encoding::kJson);
  for (size_t size = 0; size < text.size(); ++size) {
    ASSERT_NE(OutcomeOf<Everything>(text.substr(0, size)), Outcome::kDecoded) << size;
  }
  EXPECT_NE(OutcomeOf<Everything>(text + "\n}"), Outcome::kDecoded);
}

TEST(Json, AnySingleFlippedBitIsHarmless) {
  const std::string text = Encode(FullValue(), Encoding::kJson);
  for (size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string flipped = text;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    Use<Everything>(flipped);
  }
}

TEST(Json, RandomDamageIsHarmless) {
  std::mt19937_64 random = testing::SeededRandom();
  const std::string text = Encode(FullValue(), Encoding::kJson);
  const size_t begin = internal::JsonHead<Everything>().size();
  constexpr std::string_view kLikely = "[]{}\",:0129-.e\\ ntf";
  for (int round = 0; round < 20'000; ++round) {
    std::string damaged = text;
    for (uint64_t i = random() % 4 + 1; i > 0; --i) {
      damaged[begin + random() % (text.size() - begin)] = kLikely[random() % kLikely.size()];
    }
    Use<Everything>(damaged);
  }
}

}  // namespace
}  // namespace permacache::codec
