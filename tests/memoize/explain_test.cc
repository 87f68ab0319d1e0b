// Which stored call is nearest to one that missed, and how it differs.
#include "permacache/memoize/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "permacache/json/json.h"
#include "permacache/memoize/nearest.h"
#include "permacache/storage/memory_store.h"
#include "permacache/testing/faulty_store.h"
#include "permacache/testing/random.h"

namespace permacache {

bool operator==(const Difference& a, const Difference& b) {
  return a.parameter == b.parameter && a.here == b.here && a.stored == b.stored;
}

void PrintTo(const Difference& difference, std::ostream* out) {
  *out << difference.parameter << ": " << difference.here << " / " << difference.stored;
}

namespace {

using memoize::FindNearest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ExplainTest : public ::testing::Test {
 protected:
  void Put(const std::string& key, int created = 0) {
    const storage::TimePoint time{std::chrono::seconds(created)};
    ASSERT_TRUE(store_->Put(key, {.value = "value", .created = time}).ok());
  }

  std::optional<Explanation::Nearest> Nearest(const std::string& key) {
    auto nearest = FindNearest(*store_, key);
    EXPECT_TRUE(nearest.ok()) << nearest.status();
    return nearest.ok() ? *std::move(nearest) : std::nullopt;
  }

  std::string NearestKey(const std::string& key) {
    const auto nearest = Nearest(key);
    return nearest ? nearest->key : "none";
  }

  // Between the keys {"x": here} and {"x": stored}.
  Difference DifferenceBetween(const std::string& here, const std::string& stored) {
    EXPECT_TRUE(store_->Clear().ok());
    Put(R"({"x": )" + stored + "}");
    const auto nearest = Nearest(R"({"x": )" + here + "}");
    EXPECT_TRUE(nearest && nearest->differences.size() == 1);
    return nearest && nearest->differences.size() == 1 ? nearest->differences[0] : Difference();
  }

  std::shared_ptr<storage::MemoryStore> store_ = std::make_shared<storage::MemoryStore>();
};

TEST_F(ExplainTest, NothingIsNearestInAnEmptyStore) {
  EXPECT_FALSE(Nearest(R"({"x": 2})").has_value());
}

TEST_F(ExplainTest, TheFewestDifferingParametersAreNearest) {
  Put(R"({"x": 1, "y": 2, "z": 3})", 10);
  Put(R"({"x": 100, "y": 20, "z": 3})", 20);
  Put(R"({"x": 5, "y": 6, "z": 7})", 30);
  const auto nearest = Nearest(R"({"x": 1, "y": 20, "z": 3000})");
  ASSERT_TRUE(nearest.has_value());
  EXPECT_EQ(nearest->key, R"({"x": 1, "y": 2, "z": 3})");
  EXPECT_EQ(nearest->created, storage::TimePoint(std::chrono::seconds(10)));
  EXPECT_THAT(nearest->differences,
              ElementsAre(Difference{"y", "20", "2"}, Difference{"z", "3000", "3"}));
  Put(R"({"x": 1, "y": 700000, "z": 3000})");
  EXPECT_THAT(Nearest(R"({"x": 1, "y": 20, "z": 3000})")->differences,
              ElementsAre(Difference{"y", "20", "700000"}));
}

TEST_F(ExplainTest, AnAbsentParameterHasNoText) {
  Put(R"({"t": 1, "x": 1})");
  EXPECT_THAT(Nearest(R"({"u": 2, "x": 1})")->differences,
              ElementsAre(Difference{"t", "", "1"}, Difference{"u", "2", ""}));
  EXPECT_THAT(Nearest("{}")->differences,
              ElementsAre(Difference{"t", "", "1"}, Difference{"x", "", "1"}));
}

TEST_F(ExplainTest, TheCallItselfHasNoDifferences) {
  Put(R"({"x": 1})");
  Put(R"({"x": 2})");
  EXPECT_EQ(NearestKey(R"({"x": 2})"), R"({"x": 2})");
  EXPECT_THAT(Nearest(R"({"x": 2})")->differences, IsEmpty());
  Put("{}");
  EXPECT_THAT(Nearest("{}")->differences, IsEmpty());
}

TEST_F(ExplainTest, OfSeveralTheMostSimilarTextIsNearest) {
  Put(R"({"x": "a large sphere of glass"})", 3);
  Put(R"({"x": "something else"})", 9);
  Put(R"({"x": "a small cube of glass"})", 5);
  EXPECT_EQ(NearestKey(R"({"x": "a large cube of glass"})"), R"({"x": "a small cube of glass"})");
}

TEST_F(ExplainTest, OfSeveralThatAreAsSimilarTheLatestIsNearest) {
  Put(R"({"x": 1})", 3);
  Put(R"({"x": 2})", 9);
  Put(R"({"x": 3})", 5);
  EXPECT_EQ(NearestKey(R"({"x": 4})"), R"({"x": 2})");
}

TEST_F(ExplainTest, NestedValuesAreComparedByTheirTexts) {
  Put(R"({"m": {"a": [1, {"b": "}, \"x\": 1"}], "c": NaN}, "n": "\\", "x": 2})");
  EXPECT_THAT(Nearest(R"({"m": {"a": [1, {"b": "}, \"x\": 2"}], "c": NaN}, "n": "\\", "x": 2})")
                  ->differences,
              ElementsAre(Difference{"m", R"({"a": [1, {"b": "}, \"x\": 2"}], "c": NaN})",
                                     R"({"a": [1, {"b": "}, \"x\": 1"}], "c": NaN})"}));
}

TEST_F(ExplainTest, NamesAreThoseOfTheParameters) {
  Put(R"({"gr\u00f6\u00dfe": 1, "\udc80": 1})");
  EXPECT_THAT(Nearest(R"({"gr\u00f6\u00dfe": 2, "\udc80": 2})")->differences,
              ElementsAre(Difference{R"(\udc80)", "2", "1"}, Difference{"größe", "2", "1"}));
}

TEST_F(ExplainTest, AKeyThatIsNoObjectIsComparedAsAWhole) {
  Put("[1, 2]");
  EXPECT_THAT(Nearest("[1, 3]")->differences, ElementsAre(Difference{"", "[1, 3]", "[1, 2]"}));
  EXPECT_THAT(Nearest(R"({"x": 1})")->differences,
              ElementsAre(Difference{"", "", "[1, 2]"}, Difference{"x", "1", ""}));
}

TEST_F(ExplainTest, AnyBytesMayBeAKey) {
  for (const std::string key : {"",
                                "{",
                                "}",
                                "{}}",
                                "{]",
                                "{\"x",
                                "{\"x\\",
                                "{\"x\"",
                                "{\"x\":",
                                "{\"x\": ",
                                "{\"x\": 1",
                                "{\"x\": 1]",
                                "{\"x\": }",
                                "{\"x\": 1,",
                                "{\"x\": 1, }",
                                "{\"x\": [1}",
                                "{\"x\": \"",
                                "{\"x\": \"\\",
                                "{\"x\": 1} ",
                                "{x: 1}",
                                "{,}",
                                "\xff\xfe",
                                "\x80\x80\x80\x80\x80"}) {
    ASSERT_TRUE(store_->Clear().ok());
    Put("stored");
    EXPECT_THAT(Nearest(key)->differences, ElementsAre(Difference{"", key, "stored"}));
    ASSERT_TRUE(store_->Clear().ok());
    Put(key);
    EXPECT_THAT(Nearest("here")->differences, ElementsAre(Difference{"", "here", key}));
  }
}

TEST_F(ExplainTest, LongTextsAreShortenedInTheMiddle) {
  const std::string same(1000, '1');
  const auto [parameter, a, b] =
      DifferenceBetween('"' + same + "abc" + same + '"', '"' + same + "xyz" + same + '"');
  EXPECT_EQ(parameter, "x");
  const std::string before = '"' + std::string(19, '1') + "..." + std::string(16, '1');
  const std::string after = std::string(17, '1') + "..." + std::string(15, '1') + '"';
  EXPECT_EQ(a, before + "abc" + after);
  EXPECT_EQ(b, before + "xyz" + after);
}

TEST_F(ExplainTest, ATextOf80BytesIsNotShortened) {
  const std::string long_text(78, 'a');
  const Difference difference = DifferenceBetween('"' + long_text + '"', "1");
  EXPECT_EQ(difference.here, '"' + long_text + '"');
}

TEST_F(ExplainTest, ReportsThatTheStoreCannotBeRead) {
  testing::FaultyStore faulty(store_);
  faulty.Fail(testing::StoreCall::kForEach, absl::DataLossError("damaged"));
  EXPECT_EQ(FindNearest(faulty, "{}").status(), absl::DataLossError("damaged"));
}

// A store some of whose entries cannot be read.
class DamagedStore : public storage::MemoryStore {
 public:
  absl::Status ForEach(
      storage::Depth depth,
      absl::FunctionRef<storage::Verdict(const storage::EntryInfo&)> visit) override {
    EXPECT_EQ(depth, storage::Depth::kHeads);
    visit({.status = absl::DataLossError("damaged"), .bytes = 3});
    return MemoryStore::ForEach(depth, visit);
  }
};

TEST_F(ExplainTest, PassesOverWhatCannotBeRead) {
  store_ = std::make_shared<DamagedStore>();
  EXPECT_FALSE(Nearest("").has_value());
  Put("{}");
  EXPECT_EQ(NearestKey(""), "{}");
  EXPECT_EQ(*store_->Size(), 1);
}

TEST(Explanation, TellsAMissInSomeLines) {
  const Explanation explanation{
      .hit = false,
      .key = R"({"u": 1, "x": 3})",
      .reason = "never computed with these arguments",
      .nearest = {
          {.key = R"({"t": 0, "x": 2})",
           .created = storage::TimePoint(std::chrono::nanoseconds(1'700'000'000'999'999'999)),
           .differences = {{"t", "", "0"}, {"u", "1", ""}, {"x", "3", "2"}}}}};
  EXPECT_EQ(explanation.ToString(),
            "miss: never computed with these arguments\n"
            "  key:     {\"u\": 1, \"x\": 3}\n"
            "  nearest: {\"t\": 0, \"x\": 2}, stored on 2023-11-14 22:13:20 UTC\n"
            "    t: here absent, stored 0\n"
            "    u: here 1, stored absent\n"
            "    x: here 3, stored 2");
}

TEST(Explanation, TellsAHit) {
  const Explanation hit{.hit = true, .key = "{}", .reason = "found", .nearest = {}};
  EXPECT_EQ(hit.ToString(), "hit: found\n  key:     {}");
}

TEST(Explanation, ShortensLongKeys) {
  const Explanation explanation{.key = std::string(100'000, 'x'), .reason = "nothing is stored"};
  EXPECT_LT(explanation.ToString().size(), 300u);
}

TEST(Explanation, TellsAnyTime) {
  for (const auto count :
       {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(), int64_t{-1}}) {
    const Explanation explanation{
        .nearest = {{.key = "",
                     .created = storage::TimePoint(std::chrono::nanoseconds(count)),
                     .differences = {}}}};
    EXPECT_THAT(explanation.ToString(), HasSubstr(" UTC"));
  }
}

// ---- properties ----

using Members = std::map<std::string, std::string>;

std::string TextOf(const Members& members) {
  std::string text = "{";
  for (const auto& [name, value] : members) {
    if (text.size() > 1) text += ", ";
    text += '"' + name + "\": " + value;
  }
  return text + "}";
}

std::string ValueOf(const Members& members, const std::string& name) {
  const auto found = members.find(name);
  return found == members.end() ? "" : found->second;
}

// Said as plainly as can be: which names have another value, or none, in one of the two.
std::vector<Difference> ExpectedDifferences(const Members& here, const Members& stored) {
  Members all = here;
  all.insert(stored.begin(), stored.end());
  std::vector<Difference> differences;
  for (const auto& [name, value] : all) {
    const Difference difference{name, ValueOf(here, name), ValueOf(stored, name)};
    if (difference.here != difference.stored) differences.push_back(difference);
  }
  return differences;
}

class ExplainProperty : public ExplainTest {
 protected:
  size_t Below(size_t end) { return std::uniform_int_distribution<size_t>(0, end - 1)(random_); }

  template <class T>
  T OneOf(const std::vector<T>& values) {
    return values[Below(values.size())];
  }

  Members RandomMembers() {
    static const std::vector<std::string> kNames{"0", "1", "10", "B", "a", "seed", "x", "y"};
    static const std::vector<std::string> kValues{
        "1",    "2",      "-1.5e-05", R"("a")",        R"("a, \"b\": {")",
        "null", "[1, 2]", "NaN",      R"({"a": [{}]})"};
    Members members;
    for (size_t i = Below(6); i > 0; --i) members[OneOf(kNames)] = OneOf(kValues);
    return members;
  }

  std::mt19937_64 random_ = testing::SeededRandom();
};

TEST_F(ExplainProperty, NoStoredCallDiffersInFewerParameters) {
  for (int round = 0; round < 500; ++round) {
    ASSERT_TRUE(store_->Clear().ok());
    std::map<std::string, Members> stored;
    for (size_t i = Below(30); i > 0; --i) {
      const Members members = RandomMembers();
      stored[TextOf(members)] = members;
      Put(TextOf(members), static_cast<int>(Below(3)));
    }
    const Members here = RandomMembers();
    const auto nearest = Nearest(TextOf(here));
    ASSERT_EQ(nearest.has_value(), !stored.empty());
    if (!nearest) continue;
    ASSERT_TRUE(stored.contains(nearest->key)) << nearest->key;
    EXPECT_EQ(nearest->differences, ExpectedDifferences(here, stored[nearest->key]));
    for (const auto& [key, members] : stored) {
      EXPECT_LE(nearest->differences.size(), ExpectedDifferences(here, members).size())
          << TextOf(here) << "\n"
          << nearest->key << "\n"
          << key;
    }
    EXPECT_EQ(NearestKey(TextOf(here)), nearest->key);
  }
}

TEST_F(ExplainProperty, ShortenedTextsDifferAndAreUtf8) {
  const std::vector<std::string> pieces{"a", "b", "...", "ä", "漢", "😀"};
  for (int round = 0; round < 20'000; ++round) {
    // Few kinds of pieces, and much in common, so that texts look alike.
    const std::vector<std::string> few{OneOf(pieces), OneOf(pieces)};
    const auto some = [&](size_t most) {
      std::string text;
      for (size_t i = Below(most); i > 0; --i) text += OneOf(few);
      return text;
    };
    const std::string begin = some(150);
    const std::string end = some(150);
    const std::string a = begin + some(4) + end;
    const std::string b = begin + some(100) + end;
    if (a == b) continue;
    const auto [parameter, here, stored] = DifferenceBetween('"' + a + '"', '"' + b + '"');
    ASSERT_NE(here, stored) << a << "\n" << b;
    ASSERT_TRUE(json::IsUtf8(here) && json::IsUtf8(stored)) << here << "\n" << stored;
    ASSERT_LE(std::max(here.size(), stored.size()), 120u);
  }
}

}  // namespace
}  // namespace permacache
