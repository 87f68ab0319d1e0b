// All goals of permacache's speed in one run on one machine: a table, and the same as JSON and as
// a picture.
//
//   ./bazelw run -c opt //benchmarks:report -- [--quick] [--json=FILE] [--svg=FILE]
//
// --quick      caches of at most a million entries instead of ten, and fewer repetitions: one to
//              three minutes
// --json=FILE  a list of objects with work, ours, against, ratio, goal, met; the peer's name is in
//              "peer", the unit of both figures in "unit", and why a figure is null in "missing"
// --svg=FILE   hit cost against the number of entries, and hashing against the size of an array
//
// Exits with 0 whether the goals are met or not, as that depends on the machine, and with 2 if it
// could not measure. Peers that are not installed are named in the table.
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "benchmarks/chart.h"
#include "benchmarks/goals.h"
#include "benchmarks/measurements.h"

namespace permacache::benchmarks {
namespace {

struct Options {
  bool quick = false;
  std::string json;
  std::string svg;
};

constexpr int64_t kMostQuickEntries = 1'000'000;
constexpr int64_t kMostEntries = 10'000'000;

bool Parse(int argc, char** argv, Options* options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--quick") {
      options->quick = true;
    } else if (argument.starts_with("--json=")) {
      options->json = argument.substr(7);
    } else if (argument.starts_with("--svg=")) {
      options->svg = argument.substr(6);
    } else {
      std::fprintf(stderr, "report: what is %s? Known are --quick, --json=FILE, --svg=FILE\n",
                   argv[i]);
      return false;
    }
  }
  return true;
}

// Bazel runs programs elsewhere than where the user is.
std::filesystem::path WhereUserIs() {
  const char* const directory = std::getenv("BUILD_WORKING_DIRECTORY");
  return directory == nullptr ? std::filesystem::current_path() : directory;
}

void MeasureAll(const Options& options, Measurements* measured) {
  const std::vector<std::string> flags = {
      "--benchmark_format=json",
      options.quick ? "--benchmark_min_time=0.1" : "--benchmark_min_time=0.5",
      options.quick ? "--benchmark_repetitions=3" : "--benchmark_repetitions=5",
      "--benchmark_enable_random_interleaving=true"};
  const auto run = [&](const std::string& program, std::vector<std::string> more) {
    std::vector<std::string> command = {"benchmarks/" + program};
    command.insert(command.end(), flags.begin(), flags.end());
    command.insert(command.end(), more.begin(), more.end());
    measured->Run(command);
  };
  run("memoize_benchmark", {});
  run("hash_benchmark",
      {"--benchmark_filter=^(KeyText<double>/all_threads|OfficialBlake3|Read/all_threads)/" +
       std::string(options.quick ? "(1024|65536|4194304|268435456)/" : "")});
  run("sqlite_peer", {});
  run("rocksdb_peer", {});
  // Debian's Python is what sees Debian's packages.
  const char* const debians = "/usr/bin/python3";
  measured->Run({std::filesystem::exists(debians) ? debians : "python3",
                 "benchmarks/python_peers.py", options.quick ? "--seconds=0.5" : "--seconds=2"});
  run("entries_benchmark",
      {"--most=" + std::to_string(options.quick ? kMostQuickEntries : kMostEntries)});
}

std::string Today() {
  const std::time_t now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%d", std::gmtime(&now));
  return text;
}

std::string Processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  utsname system;
  return uname(&system) == 0 ? system.machine : "unknown processor";
}

// 62 ns, 1.4 ms, 3.1 M/s.
std::string Readable(double value, const std::string& unit) {
  const char* const time_units[] = {"ns", "us", "ms", "s"};
  const char* const units[] = {"", " k", " M", " G"};
  size_t thousands = 0;
  const double step = unit == "bytes" ? 1024 : 1000;
  while (value >= step && thousands < 3 && unit != "times") {
    value /= step;
    ++thousands;
  }
  char text[64];
  std::snprintf(text, sizeof(text), "%.3g", value);
  if (unit == "ns") return std::string(text) + " " + time_units[thousands];
  if (unit == "bytes") return std::string(text) + units[thousands] + "B";
  return std::string(text) + units[thousands] + (unit == "1/s" ? "/s" : "");
}

std::string GoalText(const Comparison& row) {
  char text[64];
  if (row.is_difference) {
    std::snprintf(text, sizeof(text), "+%s", Readable(row.goal, row.unit).c_str());
  } else {
    std::snprintf(text, sizeof(text), "%s %g", row.at_least ? ">=" : "<=", row.goal);
  }
  return text;
}

std::string RatioText(const Comparison& row) {
  char text[64];
  if (row.is_difference) {
    return (*row.ratio() < 0 ? "-" : "+") + Readable(std::abs(*row.ratio()), row.unit);
  }
  std::snprintf(text, sizeof(text), "%.2f", *row.ratio());
  return text;
}

void Print(const std::vector<Comparison>& rows, const Options& options) {
  std::printf("permacache on %s, %u threads; %s; %s%s\n\n", Processor().c_str(),
              std::thread::hardware_concurrency(), "compiler " __VERSION__, Today().c_str(),
              options.quick ? "; quick" : "");
  const char* const format = "%-48s %-38s %10s %10s %9s %8s  %s\n";
  std::printf(format, "work", "against", "ours", "theirs", "ratio", "goal", "met");
  for (const Comparison& row : rows) {
    const std::string ours = row.ours ? Readable(*row.ours, row.unit) : "-";
    const std::string against = row.against ? Readable(*row.against, row.unit) : "-";
    std::printf(format, row.work.c_str(), row.peer.c_str(), ours.c_str(), against.c_str(),
                row.ratio() ? RatioText(row).c_str() : "-", GoalText(row).c_str(),
                row.met() ? (*row.met() ? "yes" : "no") : row.missing.c_str());
  }
}

template <class T>
nlohmann::json OrNull(const std::optional<T>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

bool Write(const std::string& name, const std::string& content) {
  const std::filesystem::path path = WhereUserIs() / name;
  std::ofstream file(path);
  file << content;
  file.close();
  if (!file) std::fprintf(stderr, "report: cannot write %s\n", path.c_str());
  return !file.fail();
}

std::string ToJson(const std::vector<Comparison>& rows) {
  nlohmann::json list = nlohmann::json::array();
  for (const Comparison& row : rows) {
    list.push_back({{"work", row.work},
                    {"peer", row.peer},
                    {"unit", row.unit},
                    {"ours", OrNull(row.ours)},
                    {"against", OrNull(row.against)},
                    {"ratio", OrNull(row.ratio())},
                    {"goal", row.goal},
                    {"at_least", row.at_least},
                    {"met", OrNull(row.met())}});
    if (!row.missing.empty()) list.back()["missing"] = row.missing;
  }
  return list.dump(2) + "\n";
}

// The times of one benchmark by the number that its name holds.
Series Times(const Measurements& measured, std::string title, const std::string& before,
             const std::string& after, int64_t from, int64_t to, int64_t factor) {
  Series series{.name = std::move(title), .points = {}};
  for (int64_t number = from; number <= to; number *= factor) {
    if (const auto time = measured.Time(before + std::to_string(number) + after)) {
      series.points.push_back({static_cast<double>(number), *time});
    }
  }
  return series;
}

// Bytes per second instead of nanoseconds.
Series ToSpeed(Series series) {
  for (auto& [size, time] : series.points) time = size / time * 1e9;
  return series;
}

std::string ToPicture(const Measurements& measured) {
  const auto hits = [&](const char* title, const char* name) {
    return Times(measured, title, std::string(name) + "/", "", 10'000, kMostEntries, 10);
  };
  const auto hashes = [&](const char* title, const char* name) {
    return ToSpeed(Times(measured, title, std::string(name) + "/", "/real_time", 1 << 10,
                         int64_t{1} << 30, 4));
  };
  return ToSvg({{.title = "A hit at random among the entries of a cache",
                 .x_label = "entries",
                 .y_label = "ns",
                 .series = {hits("permacache", "RandomHits/default"),
                            hits("without memory tier", "RandomHits/disk"),
                            hits("raw LMDB", "RawRandomGets")}},
                {.title = "The key of an array of doubles",
                 .x_label = "bytes",
                 .y_label = "bytes/s",
                 .series = {hashes("permacache, all cores", "KeyText<double>/all_threads"),
                            hashes("BLAKE3's own code", "OfficialBlake3"),
                            hashes("reading the memory", "Read/all_threads")}}});
}

int Main(int argc, char** argv) {
  Options options;
  if (!Parse(argc, argv, &options)) return 2;
  Measurements measured;
  MeasureAll(options, &measured);
  const std::vector<Comparison> rows =
      Compare(measured, options.quick ? kMostQuickEntries : kMostEntries);
  Print(rows, options);
  if (!options.json.empty() && !Write(options.json, ToJson(rows))) return 2;
  if (!options.svg.empty() && !Write(options.svg, ToPicture(measured))) return 2;
  if (!measured.Time("TrivialMiss/real_time")) {
    std::fprintf(stderr, "report: permacache itself could not be measured; is this -c opt?\n");
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace permacache::benchmarks

int main(int argc, char** argv) { return permacache::benchmarks::Main(argc, argv); }
