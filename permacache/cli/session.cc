#include "permacache/cli/session.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "permacache/cli/human.h"

namespace permacache::cli {

void Session::Complain(std::string_view sentence) {
  exit_code_ = kTrouble;
  std::fprintf(stderr, "permacache: %s\n", std::string(sentence).c_str());
}

bool Session::Check(std::string_view what, const absl::Status& status) {
  if (status.ok()) return true;
  Complain(absl::StrCat(SafeText(what), ": ", SafeText(std::string(status.message()))));
  return false;
}

std::vector<catalog::StoredFunction> Session::Functions(std::string_view name) {
  std::error_code error;
  if (!std::filesystem::is_directory(cache_, error)) {
    throw Failure(kTrouble,
                  absl::StrCat("there is no cache at ", SafeText(cache_.string()),
                               ". Say where it lies with --cache DIR or $PERMACACHE_DIR"));
  }
  if (!functions_) {
    absl::StatusOr<std::vector<catalog::StoredFunction>> found =
        catalog::FindStoredFunctions(cache_);
    if (!found.ok()) throw Failure(kTrouble, SafeText(std::string(found.status().message())));
    functions_ = *std::move(found);
  }
  if (name.empty()) return *functions_;
  std::vector<catalog::StoredFunction> functions;
  std::ranges::copy_if(*functions_, std::back_inserter(functions),
                       [&](const auto& function) { return function.name == name; });
  if (functions.empty()) {
    throw Failure(kTrouble,
                  absl::StrCat("there is no function \"", SafeText(name), "\" in ",
                               SafeText(cache_.string()), ". permacache ls shows those there are"));
  }
  return functions;
}

}  // namespace permacache::cli
