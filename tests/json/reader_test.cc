// The reader, mostly on what the writer wrote.
#include "permacache/json/reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "permacache/json/json.h"
#include "permacache/testing/random.h"

namespace permacache::json {
namespace {

using Kind = Reader::Kind;

TEST(Writer, HasAMemberPerLineAndScalarsBesideEachOther) {
  std::string text;
  Writer writer(&text);
  writer.BeginObject();
  writer.Name("numbers");
  writer.BeginArray();
  for (const char* number : {"1", "2.5"}) writer.Scalar(number);
  writer.End();
  writer.Name("nested");
  writer.BeginArray();
  writer.BeginArray();
  writer.End();
  writer.BeginObject();
  writer.Name("a\n");
  writer.Bytes("\xff");
  writer.End();
  writer.End();
  writer.Name("nothing");
  writer.BeginObject();
  writer.End();
  writer.End();
  EXPECT_EQ(text, R"({
  "numbers": [1, 2.5],
  "nested": [
    [],
    {
      "a\n": {
        "base64": "/w=="
      }
    }
  ],
  "nothing": {}
})");
}

TEST(Writer, BreaksLongLines) {
  std::string text;
  Writer writer(&text);
  writer.BeginArray();
  for (int i = 0; i < 1000; ++i) writer.Scalar(std::to_string(i));
  writer.End();
  EXPECT_TRUE(IsValid(text));
  size_t lines = 0;
  for (size_t begin = 0, end; begin < text.size(); begin = end + 1, ++lines) {
    end = std::min(text.find('\n', begin), text.size());
    EXPECT_LE(end - begin, 101u);
  }
  EXPECT_GT(lines, 40u);
}

TEST(Reader, TakesValuesAsTheyStandThere) {
  const std::string text =
      " { \"a\" : -1.50e3 , \"b\\u0063\" : [ true , \"x\\ny\" , [ ] ] , \"c\" : { } } ";
  ASSERT_TRUE(IsValid(text));
  Reader reader(text);
  ASSERT_EQ(reader.Next(), Kind::kObject);
  EXPECT_EQ(reader.Enter(), 3u);
  EXPECT_EQ(reader.TakeName(), "a");
  EXPECT_EQ(reader.TakeScalar(), "-1.50e3");
  EXPECT_EQ(reader.TakeName(), "bc");
  EXPECT_EQ(reader.Enter(), 3u);
  EXPECT_EQ(reader.TakeScalar(), "true");
  EXPECT_EQ(reader.TakeString(), "x\ny");
  EXPECT_EQ(reader.TakeValue(), "[ ]");
  EXPECT_EQ(reader.Next(), Kind::kEnd);
  reader.Leave();
  EXPECT_EQ(reader.TakeName(), "c");
  EXPECT_EQ(reader.Enter(), 0u);
  reader.Leave();
  reader.Leave();
  EXPECT_EQ(reader.Next(), Kind::kEnd);
}

TEST(Reader, KnowsEscapes) {
  EXPECT_EQ(Reader(R"("\"\\\/\b\f\n\r\t\u0000\u00e9\u20AC\ud83d\ude00]")").TakeString(),
            std::string("\"\\/\b\f\n\r\t\0\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80]", 19));
  EXPECT_EQ(Reader(R"(["]\"}",2])").TakeValue(), R"(["]\"}",2])");
}

TEST(Reader, TakesBytesOnlyFromWhatTheWriterWrites) {
  EXPECT_EQ(Reader("\"a\"").TakeBytes(), "a");
  EXPECT_EQ(Reader("{\"base64\": \"/w==\"}").TakeBytes(), "\xff");
  for (const char* text : {"1", "[]", "{}", "{\"base64\": 1}", "{\"base64\": \"/\"}",
                           "{\"other\": \"\"}", "{\"base64\": \"\", \"a\": 1}"}) {
    ASSERT_TRUE(IsValid(text));
    EXPECT_EQ(Reader(text).TakeBytes(), std::nullopt) << text;
  }
}

TEST(Reader, GivesBackAnyBytesAndTheirNumber) {
  std::mt19937_64 random = testing::SeededRandom();
  for (int round = 0; round < 500; ++round) {
    std::vector<std::string> strings(random() % 20);
    std::string text;
    Writer writer(&text);
    writer.BeginArray();
    for (std::string& bytes : strings) {
      bytes.resize(random() % 40);
      const bool ascii = random() % 2 == 0;
      for (char& c : bytes) c = static_cast<char>(ascii ? random() % 128 : random());
      writer.Bytes(bytes);
    }
    writer.End();
    ASSERT_TRUE(IsValid(text)) << text;
    Reader reader(text);
    ASSERT_EQ(reader.Enter(), strings.size());
    for (const std::string& bytes : strings) ASSERT_EQ(reader.TakeBytes(), bytes);
    ASSERT_EQ(reader.Next(), Kind::kEnd);
  }
}

// What IsValid lets through, the reader can walk over without leaving it.
TEST(Reader, StaysInsideWhateverIsValid) {
  std::mt19937_64 random = testing::SeededRandom();
  const std::string sound =
      R"({"a": [1, -2.5e3, "x\"\\\ud83d\ude00", {"b": null}], "c": {"base64": "/w=="}})";
  int valid = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::string text = sound;
    for (uint64_t i = random() % 3 + 1; i > 0; --i) {
      constexpr std::string_view kLikely = "[]{}\",:\\u10e ";
      text[random() % text.size()] = kLikely[random() % kLikely.size()];
    }
    if (!IsValid(text)) continue;
    ++valid;
    Reader reader(text);
    struct Around {
      bool is_object;
      uint32_t left;  // of its values
    };
    std::vector<Around> around;
    while (!around.empty() || reader.Next() != Kind::kEnd) {
      if (!around.empty() && reader.Next() != Kind::kEnd) {
        --around.back().left;
        if (around.back().is_object) reader.TakeName();
      }
      switch (const Kind kind = reader.Next()) {
        case Kind::kScalar:
          ASSERT_FALSE(reader.TakeScalar().empty());
          break;
        case Kind::kString:
          reader.TakeString();
          break;
        case Kind::kEnd:
          ASSERT_EQ(around.back().left, 0u) << text;
          reader.Leave();
          around.pop_back();
          break;
        default:
          around.push_back({kind == Kind::kObject, reader.Enter()});
      }
    }
  }
  EXPECT_GT(valid, 100);
}

}  // namespace
}  // namespace permacache::json
