// Runs golden_check on the keys of Python permacache, and on files that are not as they should be.
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "gtest/gtest.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::golden {
namespace {

using nlohmann::json;

constexpr char kProgram[] = "tests/key/golden_check";
constexpr char kKeys[] = "tests/key/python_permacache_keys.json";

struct Outcome {
  int exit_code = -1;
  std::string last_line;
};

Outcome Check(const std::filesystem::path& file) {
  const std::string command = std::string(kProgram) + " '" + file.string() + "' 2>&1";
  FILE* output = popen(command.c_str(), "r");
  if (output == nullptr) return {};
  Outcome outcome;
  std::array<char, 1 << 16> line;
  while (std::fgets(line.data(), line.size(), output) != nullptr) outcome.last_line = line.data();
  const int status = pclose(output);
  if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
  return outcome;
}

class GoldenCheckTest : public ::testing::Test {
 protected:
  static json Keys() {
    std::ifstream file(kKeys);
    return json::parse(file);
  }

  Outcome CheckText(const std::string& text) const {
    const std::filesystem::path path = directory_.path() / "keys.json";
    std::ofstream(path) << text;
    return Check(path);
  }

  testing::TemporaryDirectory directory_;
};

TEST_F(GoldenCheckTest, MatchesEveryValueAndCallOfPythonPermacache) {
  const Outcome outcome = Check(kKeys);
  EXPECT_EQ(outcome.last_line, "276 matched, 0 mismatched\n");
  EXPECT_EQ(outcome.exit_code, 0);
}

TEST_F(GoldenCheckTest, HasValuesOfEveryGroupAndCalls) {
  const json keys = Keys();
  std::map<std::string, int> groups;
  for (const json& item : keys.at("cases")) ++groups[item.at("group").get<std::string>()];
  const std::map<std::string, int> expected{
      {"array", 24},         {"bytes", 24},  {"enum", 24}, {"range", 24},
      {"scalar", 24},        {"struct", 24}, {"tree", 24}, {"struct_of_arrays", 24},
      {"tuple_key_dict", 24}};
  EXPECT_EQ(groups, expected);
  std::map<std::string, int> calls;
  for (const json& item : keys.at("calls")) {
    ++calls[item.at("function").get<std::string>() + ", " +
            item.at("key_function").get<std::string>()];
  }
  const std::map<std::string, int> expected_calls{
      {"f, none", 30},
      {"g, t: drop_if(v < 3)", 6},
      {"g, t: drop_if_equal(0)", 6},
      {"g, t: drop_if_equal(0, stable_hash)", 6},
      {"h, large_argument: stable_hash, not_json_argument: str, transient_flag: ignored", 12}};
  EXPECT_EQ(calls, expected_calls);
}

TEST_F(GoldenCheckTest, CountsAKeyThatDiffers) {
  for (const char* field : {"stringify", "stable_hash"}) {
    json keys = Keys();
    keys["cases"][100][field] = "another";
    const Outcome outcome = CheckText(keys.dump());
    EXPECT_EQ(outcome.last_line, "275 matched, 1 mismatched\n") << field;
    EXPECT_EQ(outcome.exit_code, 1) << field;
  }
}

TEST_F(GoldenCheckTest, CountsACallWhoseKeyDiffers) {
  for (size_t i = 0; i < 60; ++i) {
    json keys = Keys();
    keys["cases"] = json::array();
    keys["calls"][i]["key"] = "{}";
    const Outcome outcome = CheckText(keys.dump());
    EXPECT_EQ(outcome.last_line, "59 matched, 1 mismatched\n") << i;
    EXPECT_EQ(outcome.exit_code, 1) << i;
  }
}

// The file has calls with integers alone where the key is what str() gives.
TEST_F(GoldenCheckTest, KnowsWhatStrGivesInACall) {
  const json no = {{"bool", false}};
  const std::string hash_of_no =
      R"("fcbcf165908dd18a9e49f7ff27810176db8e9f63b4352213741664245224f8aa")";
  const auto call = [&](const json& argument, const std::string& text) {
    return json{{"function", "h"},
                {"key_function",
                 "large_argument: stable_hash, not_json_argument: str, transient_flag: ignored"},
                {"args", {no}},
                {"kwargs", {{"transient_flag", {{"bool", true}}}, {"not_json_argument", argument}}},
                {"key", R"({"large_argument": )" + hash_of_no + R"(, "not_json_argument": )" +
                            text + R"(, "transient_flag": null})"}};
  };
  const json calls = {call({{"null", true}}, R"("None")"),
                      call({{"bool", true}}, R"("True")"),
                      call({{"int", "-170141183460469231731687303715884105728"}},
                           R"("-170141183460469231731687303715884105728")"),
                      call({{"float", "0x3ff0000000000000"}}, R"("1.0")"),
                      call({{"float", "0x3ee4f8b588e368f1"}}, R"("1e-05")"),
                      call({{"float", "0xfff0000000000000"}}, R"("-inf")"),
                      call({{"float", "0x7ff8000000000000"}}, R"("nan")"),
                      call({{"str", "a \"ä\""}}, R"("a \"\u00e4\"")")};
  const Outcome outcome = CheckText(json{{"cases", json::array()}, {"calls", calls}}.dump());
  EXPECT_EQ(outcome.last_line, "8 matched, 0 mismatched\n");
}

TEST_F(GoldenCheckTest, CountsAValueThatItCannotRead) {
  json keys = Keys();
  keys["cases"][0]["value"] = {{"what", 1}};
  keys["cases"][1]["value"] = {{"struct", "Unknown"}, {"fields", json::array()}};
  EXPECT_EQ(CheckText(keys.dump()).last_line, "274 matched, 2 mismatched\n");
}

// As Python's json module writes them: surrogates without a partner, and what C++ has no type for.
TEST_F(GoldenCheckTest, ReadsWhatOnlyPythonWrites) {
  const Outcome outcome = CheckText(R"({"calls": [], "cases": [
    {"value": {"str": "\udc80\\udc80 \ud83d\ude00"}, "stringify": "\"\\udc80\\\\udc80 \\ud83d\\ude00\"",
     "stable_hash": "87cf8b574ccc64b46e0225cd810a7b26d60b64b46c85022d4463725c9152f600"},
    {"value": {"str": "a\ud800"}, "stringify": "\"a\\ud800\"",
     "stable_hash": "531c28f37673134cd12fb477cdfb22a4549871e738668b67354159d7094d13fe"},
    {"value": {"ndarray": ">f2", "shape": [1], "hex": "3c00"},
     "stringify": "\"4a2a7b898f79e4e459b8bb00c50430a11d5936ad43ee9c14660a267789f7be23\"", "stable_hash": "bcba769e901d0bf695292fa0255f5f1bd6293c990598062b6431b5215ab60d89"}]})");
  EXPECT_EQ(outcome.last_line, "3 matched, 0 mismatched\n");
}

TEST_F(GoldenCheckTest, DoesNotPassWithoutAnythingChecked) {
  EXPECT_EQ(CheckText(R"({"cases": [], "calls": []})").exit_code, 1);
}

TEST_F(GoldenCheckTest, SaysWhyAFileCannotBeUsed) {
  EXPECT_EQ(Check(directory_.path() / "missing").exit_code, 2);
  EXPECT_EQ(CheckText("{").exit_code, 2);
  EXPECT_EQ(CheckText("{}").exit_code, 2);
}

}  // namespace
}  // namespace permacache::golden
