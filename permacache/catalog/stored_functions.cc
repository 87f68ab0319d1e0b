#include "permacache/catalog/stored_functions.h"

#include <algorithm>
#include <cstdint>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "permacache/storage/entry_name.h"
#include "permacache/storage/storage.h"

namespace permacache::catalog {
namespace {

namespace fs = std::filesystem;

bool IsEnvironment(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "data.mdb", ignored);
}

// The number in "v7", the name of the folder that a FileStore has for version 7.
bool ParseVersion(const fs::path& folder, uint32_t* version) {
  const std::string name = folder.filename().string();
  return name.starts_with('v') && absl::SimpleAtoi(name.substr(1), version) &&
         name == absl::StrCat("v", *version);
}

bool HasEntries(const fs::path& folder) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    if (storage::IsEntryName(entry.path().filename().string())) return true;
  }
  return false;
}

std::vector<uint32_t> VersionsInFiles(const fs::path& folder) {
  std::vector<uint32_t> versions;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    uint32_t version = 0;
    if (!entry.is_directory(ignored) || entry.is_symlink(ignored)) continue;
    if (!ParseVersion(entry.path(), &version) || IsEnvironment(entry.path())) continue;
    if (HasEntries(entry.path())) versions.push_back(version);
  }
  return versions;
}

// Others may compact the file at the same time; then it is another one.
absl::Status OnEnvironment(const StoredFunction& function,
                           absl::FunctionRef<absl::Status(storage::LmdbEnvironment&)> body) {
  constexpr int kAttempts = 100;
  absl::Status status;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const absl::StatusOr<storage::LmdbEnvironment::Share> environment =
        storage::LmdbEnvironment::Acquire({.directory = function.folder});
    status = environment.ok() ? body(**environment) : environment.status();
    if (!absl::IsAborted(status)) break;
  }
  return status;
}

}  // namespace

absl::StatusOr<std::vector<StoredFunction>> FindStoredFunctions(const fs::path& directory) {
  std::vector<StoredFunction> functions;
  std::error_code error;
  fs::recursive_directory_iterator folder(directory, error), end;
  if (error == std::errc::no_such_file_or_directory) return functions;
  for (; !error && folder != end; folder.increment(error)) {
    std::error_code ignored;
    if (!folder->is_directory(ignored) || folder->is_symlink(ignored)) continue;
    const std::string name = folder->path().lexically_relative(directory).generic_string();
    if (IsEnvironment(folder->path())) {
      functions.push_back({.name = name, .folder = folder->path(), .in_files = false});
    }
    if (!VersionsInFiles(folder->path()).empty()) {
      functions.push_back({.name = name, .folder = folder->path(), .in_files = true});
    }
  }
  if (error) {
    return absl::ErrnoToStatus(error.value(),
                               absl::StrCat("cannot look into ", directory.string()));
  }
  std::ranges::sort(functions, {}, &StoredFunction::name);
  return functions;
}

absl::StatusOr<std::vector<uint32_t>> VersionsOf(const StoredFunction& function) {
  std::vector<uint32_t> versions;
  if (function.in_files) {
    versions = VersionsInFiles(function.folder);
  } else {
    const absl::Status status = OnEnvironment(function, [&](storage::LmdbEnvironment& environment) {
      absl::StatusOr<std::vector<uint32_t>> found = environment.Generations();
      if (found.ok()) versions = *std::move(found);
      return found.status();
    });
    if (!status.ok()) return status;
  }
  std::ranges::sort(versions);
  return versions;
}

absl::StatusOr<std::unique_ptr<storage::Store>> OpenVersion(const StoredFunction& function,
                                                            uint32_t version,
                                                            const VersionOptions& options) {
  if (function.in_files) {
    return std::make_unique<storage::FileStore>(
        storage::FileStoreOptions{.directory = function.folder,
                                  .version = version,
                                  .format = options.format,
                                  .notes_uses = options.notes_uses});
  }
  storage::LmdbOptions environment = {.directory = function.folder};
  if (!options.keeps_memory) environment.memory_bytes = 0;
  return storage::LmdbStore::Open({.environment = environment,
                                   .version = version,
                                   .compression = options.format == storage::FileFormat::kZstd
                                                      ? storage::Compression::kZstd
                                                      : storage::Compression::kNone,
                                   .notes_uses = options.notes_uses});
}

absl::StatusOr<storage::Stores> OpenVersions(const StoredFunction& function) {
  const absl::StatusOr<std::vector<uint32_t>> versions = VersionsOf(function);
  if (!versions.ok()) return versions.status();
  storage::Stores stores;
  for (const uint32_t version : *versions) {
    absl::StatusOr<std::unique_ptr<storage::Store>> store = OpenVersion(function, version);
    if (!store.ok()) return store.status();
    stores.push_back(*std::move(store));
  }
  return stores;
}

absl::Status Compact(const StoredFunction& function, storage::OnProgress progress) {
  if (function.in_files) return absl::OkStatus();
  return OnEnvironment(function, [&](storage::LmdbEnvironment& environment) {
    return environment.Compact(progress);
  });
}

}  // namespace permacache::catalog
