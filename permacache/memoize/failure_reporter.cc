#include "permacache/memoize/failure_reporter.h"

#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"

namespace permacache::memoize {
namespace {

void ReportOnStderr(const Failure& failure) {
  const std::string line =
      absl::StrCat("permacache: ", failure.function, ": ", failure.status.ToString(),
                   "\npermacache: results are computed where the cache cannot give or take them; "
                   "this kind of failure is reported once\n");
  std::fputs(line.c_str(), stderr);
}

}  // namespace

FailureReporter::FailureReporter(std::string function, FailureHandler handler)
    : function_(std::move(function)), handler_(handler ? std::move(handler) : ReportOnStderr) {}

void FailureReporter::Report(const absl::Status& status) {
  const uint32_t kind = uint32_t{1} << (static_cast<int>(status.code()) % 32);
  if (reported_.fetch_or(kind, std::memory_order_relaxed) & kind) {
    failures_.fetch_add(1, std::memory_order_relaxed);
  } else {
    Tell(status);
  }
}

void FailureReporter::Tell(const absl::Status& status) {
  failures_.fetch_add(1, std::memory_order_relaxed);
  try {
    handler_({.function = function_, .status = status});
  } catch (...) {
    // The call that is going on must not suffer from how its troubles are told.
  }
}

}  // namespace permacache::memoize
