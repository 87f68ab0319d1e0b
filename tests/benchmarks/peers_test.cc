// The programs that measure what permacache is compared with print figures for all that they are
// asked for, or say what is not installed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "permacache/testing/temporary_directory.h"

namespace permacache::benchmarks {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct Ended {
  int exit_code = -1;
  std::string output;
  std::string errors;
};

Ended RunCommand(const std::string& command) {
  const permacache::testing::TemporaryDirectory directory;
  const std::string output = directory.path() / "output", errors = directory.path() / "errors";
  const int status = std::system((command + " >" + output + " 2>" + errors).c_str());
  const auto content = [](const std::string& path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, content(output), content(errors)};
}

// By their names. Empty, with a failure, if the output is not what google-benchmark prints.
std::map<std::string, nlohmann::json> EntriesIn(const Ended& ended) {
  std::map<std::string, nlohmann::json> entries;
  const nlohmann::json report =
      nlohmann::json::parse(ended.output, nullptr, /*allow_exceptions=*/false);
  if (!report.is_object() || !report.contains("context") || !report.contains("benchmarks")) {
    ADD_FAILURE() << "no report: " << ended.output << ended.errors;
    return entries;
  }
  for (const nlohmann::json& entry : report["benchmarks"]) {
    EXPECT_TRUE(entries.emplace(entry.value("name", ""), entry).second) << entry;
  }
  return entries;
}

void ExpectTime(const nlohmann::json& entry) {
  EXPECT_GT(entry.value("real_time", 0.0), 0.0) << entry;
  EXPECT_EQ(entry.value("time_unit", ""), "ns") << entry;
  EXPECT_EQ(entry.value("run_type", ""), "iteration") << entry;
  EXPECT_GT(entry.value("iterations", 0), 0) << entry;
  EXPECT_THAT(entry.value("label", ""), Not(IsEmpty())) << entry;
  EXPECT_FALSE(entry.value("error_occurred", false)) << entry;
}

void TestPeer(const std::string& peer, const std::string& package) {
  const Ended ended =
      RunCommand("benchmarks/" + peer +
                 "_peer --unoptimized --benchmark_format=json --benchmark_min_time=0.001");
  if (ended.exit_code == 3) {
    EXPECT_EQ(ended.errors, peer + " is missing: install " + package + "\n");
    EXPECT_THAT(ended.output, IsEmpty());
    GTEST_SKIP() << ended.errors;
  }
  ASSERT_EQ(ended.exit_code, 0) << ended.errors;
  const auto entries = EntriesIn(ended);
  EXPECT_EQ(entries.size(), size_t{2}) << ended.output;
  for (const std::string kind : {"/hit", "/miss"}) {
    ASSERT_TRUE(entries.contains(peer + kind)) << ended.output;
    ExpectTime(entries.at(peer + kind));
  }
}

TEST(Peers, SqliteIsMeasuredOrMissing) { TestPeer("sqlite", "libsqlite3-dev"); }

TEST(Peers, RocksdbIsMeasuredOrMissing) { TestPeer("rocksdb", "librocksdb-dev"); }

// Debian's Python is what sees Debian's packages.
std::string Python() {
  for (const std::string python : {"/usr/bin/python3", "python3"}) {
    if (RunCommand(python + " --version").exit_code == 0) return python;
  }
  return "";
}

constexpr const char* kPythonPeers[] = {"joblib", "diskcache", "python_permacache"};

TEST(Peers, OfPythonAreMeasuredOrMissing) {
  const std::string python = Python();
  if (python.empty()) GTEST_SKIP() << "python3 is not installed";
  const Ended ended = RunCommand(python + " benchmarks/python_peers.py --seconds=0.02");
  ASSERT_EQ(ended.exit_code, 0) << ended.errors;
  const auto entries = EntriesIn(ended);
  EXPECT_EQ(entries.size(), 2 * std::size(kPythonPeers)) << ended.output;
  for (const std::string peer : kPythonPeers) {
    for (const std::string kind : {"/hit", "/miss"}) {
      ASSERT_TRUE(entries.contains(peer + kind)) << ended.output;
      const nlohmann::json& entry = entries.at(peer + kind);
      if (entry.contains("missing")) {
        EXPECT_THAT(entry["missing"], HasSubstr(" is not installed"));
        EXPECT_FALSE(entry.contains("real_time"));
      } else {
        ExpectTime(entry);
      }
    }
  }
}

// Without the folders of its packages, Python has none of them.
TEST(Peers, OfPythonThatAreMissingAreNamed) {
  const std::string python = Python();
  if (python.empty()) GTEST_SKIP() << "python3 is not installed";
  const Ended ended = RunCommand(python + " -S -E benchmarks/python_peers.py --seconds=0.02");
  ASSERT_EQ(ended.exit_code, 0) << ended.errors;
  const auto entries = EntriesIn(ended);
  EXPECT_EQ(entries.size(), 2 * std::size(kPythonPeers)) << ended.output;
  for (const auto& [name, entry] : entries) {
    EXPECT_THAT(entry.value("missing", ""), HasSubstr(" is not installed")) << entry;
  }
}

}  // namespace
}  // namespace permacache::benchmarks
