#include "permacache/memoize/failure_reporter.h"

#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"

namespace permacache::memoize {
namespace {

Failure::Kind KindOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kDataLoss:
      return Failure::Kind::kDamaged;
    case absl::StatusCode::kUnimplemented:
      return Failure::Kind::kNewer;
    case absl::StatusCode::kResourceExhausted:
      return Failure::Kind::kExhausted;
    case absl::StatusCode::kPermissionDenied:
      return Failure::Kind::kNoPermission;
    case absl::StatusCode::kNotFound:
      return Failure::Kind::kNotFound;
    case absl::StatusCode::kAborted:
      return Failure::Kind::kChanged;
    default:
      return Failure::Kind::kOther;
  }
}

void ReportOnStderr(const Failure& failure) {
  const std::string line =
      absl::StrCat("permacache: ", failure.function, ": ", failure.message,
                   "\npermacache: results are computed where the cache cannot give or take them; "
                   "this kind of failure is reported once\n");
  std::fputs(line.c_str(), stderr);
}

}  // namespace

Failure FailureOf(const absl::Status& status) {
  return {.kind = KindOf(status.code()), .message = std::string(status.message())};
}

FailureReporter::FailureReporter(std::string function, FailureHandler handler)
    : function_(std::move(function)), handler_(handler ? std::move(handler) : ReportOnStderr) {}

void FailureReporter::Report(Failure failure) {
  const uint32_t kind = uint32_t{1} << static_cast<int>(failure.kind);
  if (reported_.fetch_or(kind, std::memory_order_relaxed) & kind) {
    failures_.fetch_add(1, std::memory_order_relaxed);
  } else {
    Tell(std::move(failure));
  }
}

void FailureReporter::Tell(Failure failure) {
  failures_.fetch_add(1, std::memory_order_relaxed);
  failure.function = function_;
  try {
    handler_(failure);
  } catch (...) {
    // The call that is going on must not suffer from how its troubles are told.
  }
}

}  // namespace permacache::memoize
