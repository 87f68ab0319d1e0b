#include "permacache/catalog/location.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <system_error>

#include "permacache/catalog/error.h"
#include "permacache/key/scalar_text.h"
#include "permacache/storage/value_files.h"

namespace permacache::catalog {
namespace {

constexpr size_t kLongestPart = 255;  // NAME_MAX of the usual file systems

std::string Environment(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

std::string HomeDirectory() {
  if (std::string home = Environment("HOME"); !home.empty()) return home;
  const passwd* user = getpwuid(getuid());
  return user == nullptr || user->pw_dir == nullptr ? "" : user->pw_dir;
}

// What lies in the folder of a cache or of a function.
constexpr std::string_view kReserved[] = {kFileContentsName, storage::ValueFiles::kFolderName,
                                          kOutFilesName, kPathsName, kStatisticsName};

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// Why `part` cannot be a folder of a function, or nothing.
std::string_view WhatIsWrongWith(std::string_view part) {
  if (part.empty()) return "has an empty part; write it like \"wing/lift\"";
  if (part == "." || part == "..") return "leaves its place; \".\" and \"..\" are not allowed";
  if (part.size() > kLongestPart) return "has a part of more than 255 bytes";
  if (part == "data.mdb" || part == "lock.mdb") return "has a part that LMDB uses for its files";
  if (std::ranges::find(kReserved, part) != std::end(kReserved) || part.starts_with(kTurnsName)) {
    return "has a part that permacache uses itself";
  }
  if (std::ranges::any_of(part, IsControl)) return "has a control character";
  return {};
}

}  // namespace

std::filesystem::path DefaultDirectory() {
  if (std::string directory = Environment("PERMACACHE_DIR"); !directory.empty()) return directory;
  // A relative $XDG_CACHE_HOME is invalid and ignored, says the XDG Base Directory Specification.
  const std::filesystem::path xdg = Environment("XDG_CACHE_HOME");
  if (xdg.is_absolute()) return xdg / "permacache";
  if (std::string home = HomeDirectory(); !home.empty()) {
    return std::filesystem::path(home) / ".cache" / "permacache";
  }
  throw Error(
      "permacache: there is no place for the cache, as $HOME is not set. Set $PERMACACHE_DIR to a "
      "directory, or name one in CacheOptions");
}

void CheckFunctionName(std::string_view name) {
  const auto refuse = [&](std::string_view why) {
    std::string quoted;
    key::AppendString(quoted, name);
    throw Error("permacache: the function name " + quoted + " " + std::string(why));
  };
  if (name.empty()) refuse("is empty; give each function a name of its own, such as \"wing/lift\"");
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view why = WhatIsWrongWith(name.substr(begin, end - begin));
    if (!why.empty()) refuse(why);
    begin = end + 1;
  }
}

std::filesystem::path FunctionDirectory(const std::filesystem::path& directory,
                                        std::string_view name) {
  CheckFunctionName(name);
  const std::filesystem::path folder = directory / name;
  std::filesystem::path above;
  for (const std::filesystem::path& part : folder) {
    above /= part;
    std::error_code ignored;
    const std::filesystem::file_status status = std::filesystem::status(above, ignored);
    if (std::filesystem::exists(status) && !std::filesystem::is_directory(status)) {
      throw Error("permacache: the cache of \"" + std::string(name) + "\" is to lie in " +
                  folder.string() + ", but " + above.string() +
                  " is not a directory. Move that file away or choose another directory");
    }
  }
  return folder;
}

}  // namespace permacache::catalog
