#include "benchmarks/measurements.h"

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace permacache::benchmarks {
namespace {

std::string Quoted(const std::string& word) {
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

constexpr int kIsNotInstalled = 3;

struct Ended {
  int exit_code;
  std::string output;
};

Ended RunCommand(const std::vector<std::string>& command) {
  std::string line;
  for (const std::string& word : command) line += (line.empty() ? "" : " ") + Quoted(word);
  std::fprintf(stderr, "%s\n", line.c_str());
  FILE* const pipe = popen(line.c_str(), "r");
  if (pipe == nullptr) return {-1, ""};
  std::string output;
  std::array<char, 4096> buffer;
  while (const size_t size = fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.append(buffer.data(), size);
  }
  const int status = pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output};
}

double NanosecondsPer(const std::string& unit) {
  if (unit == "us") return 1e3;
  if (unit == "ms") return 1e6;
  if (unit == "s") return 1e9;
  return 1;
}

// "benchmarks/sqlite_peer" is what measures "sqlite/...".
std::string SubjectOf(const std::string& program) {
  const std::string name = program.substr(program.rfind('/') + 1);
  return name.substr(0, name.find('_'));
}

}  // namespace

void Measurements::Run(const std::vector<std::string>& command) {
  const Ended ended = RunCommand(command);
  const nlohmann::json report =
      nlohmann::json::parse(ended.output, nullptr, /*allow_exceptions=*/false);
  if (ended.exit_code != 0 || report.is_discarded() || !report.contains("benchmarks")) {
    missing_[SubjectOf(command.front())] =
        ended.exit_code == kIsNotInstalled ? "is not installed" : "its program failed";
    return;
  }
  for (const nlohmann::json& benchmark : report["benchmarks"]) {
    const std::string name = benchmark.value("run_name", benchmark.value("name", ""));
    if (benchmark.contains("missing")) {
      missing_[name] = benchmark["missing"];
      continue;
    }
    if (benchmark.value("error_occurred", false)) {
      missing_[name] = benchmark.value("error_message", "failed");
      continue;
    }
    if (benchmark.value("run_type", "iteration") == "aggregate" &&
        benchmark.value("aggregate_name", "") != "median") {
      continue;
    }
    Figures& figures = figures_[name];
    figures.nanoseconds =
        benchmark.value("real_time", 0.0) * NanosecondsPer(benchmark.value("time_unit", "ns"));
    for (const auto& [key, value] : benchmark.items()) {
      if (value.is_number()) figures.counters[key] = value;
    }
  }
}

std::optional<double> Measurements::Time(const std::string& benchmark) const {
  const auto found = figures_.find(benchmark);
  if (found == figures_.end()) return std::nullopt;
  return found->second.nanoseconds;
}

std::optional<double> Measurements::Counter(const std::string& benchmark,
                                            const std::string& name) const {
  const auto found = figures_.find(benchmark);
  if (found == figures_.end()) return std::nullopt;
  const auto counter = found->second.counters.find(name);
  if (counter == found->second.counters.end()) return std::nullopt;
  return counter->second;
}

std::string Measurements::WhyMissing(std::string_view prefix) const {
  for (const auto& [name, reason] : missing_) {
    if (name.starts_with(prefix) || prefix.starts_with(name)) return reason;
  }
  return "was not measured";
}

}  // namespace permacache::benchmarks
