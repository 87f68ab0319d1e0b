// What every command shares: the cache, how to report, and what went wrong on the way.
//
// Exit codes: 0 done; 1 trouble, or nothing of what was asked for is there; 2 the command line is
// not understood; 130 stopped by Ctrl-C. What is wrong with one function does not keep a command
// from the others: it is said on stderr, and the exit code is 1 in the end.
//
// An object belongs to one thread at a time.
#ifndef PERMACACHE_CLI_SESSION_H_
#define PERMACACHE_CLI_SESSION_H_

#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/catalog/stored_functions.h"
#include "permacache/cli/report.h"

namespace permacache::cli {

inline constexpr int kDone = 0;
inline constexpr int kTrouble = 1;
inline constexpr int kUsage = 2;
inline constexpr int kInterrupted = 130;

// Ends a command with this exit code; the message says what to do.
class Failure : public std::runtime_error {
 public:
  Failure(int exit_code, const std::string& message)
      : std::runtime_error(message), exit_code_(exit_code) {}

  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

class Session {
 public:
  Session(std::filesystem::path cache, Report& report)
      : cache_(std::move(cache)), report_(report) {}

  const std::filesystem::path& cache() const { return cache_; }
  Report& report() { return report_; }

  // Says on stderr what is wrong with something. Returns whether nothing is.
  bool Check(std::string_view what, const absl::Status& status);

  // Says it without a status.
  void Complain(std::string_view sentence);

  // So far.
  int exit_code() const { return exit_code_; }

  // The functions that the cache had when this was asked for first, by name; or those of one name,
  // which may have results of both storages. Throws Failure if there is no cache, or no function of
  // that name.
  std::vector<catalog::StoredFunction> Functions(std::string_view name = {});

 private:
  const std::filesystem::path cache_;
  Report& report_;
  int exit_code_ = kDone;
  std::optional<std::vector<catalog::StoredFunction>> functions_;
};

}  // namespace permacache::cli

#endif  // PERMACACHE_CLI_SESSION_H_
