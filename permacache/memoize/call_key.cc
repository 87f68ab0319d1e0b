#include "permacache/memoize/call_key.h"

#include <utility>

#include "absl/status/statusor.h"
#include "permacache/hash/hash.h"
#include "permacache/memoize/failure_reporter.h"
#include "permacache/memoize/file_contents.h"
#include "permacache/storage/of_this_thread.h"

namespace permacache::memoize {
namespace {

constexpr size_t kEnoughForMostKeys = 256;
constexpr size_t kMostToKeep = size_t{64} << 10;

struct TextMemory {
  std::string text;
};

}  // namespace

std::optional<Failure> ChangeOf(const std::vector<FileContent>& files, FileContents& contents) {
  for (const FileContent& file : files) {
    if (contents.IsUnchanged(file)) continue;
    return Failure{
        .kind = Failure::Kind::kChanged,
        .message = file.path.string() +
                   " changed while the function ran; the result is not stored, as it may "
                   "belong to either content"};
  }
  return std::nullopt;
}

std::string TakeTextMemory() {
  std::string text;
  if (auto* memory = storage::OfThisThread<TextMemory>()) text.swap(memory->text);
  text.clear();
  text.reserve(kEnoughForMostKeys);
  return text;
}

void GiveTextMemory(std::string text) {
  if (text.capacity() > kMostToKeep) return;
  if (auto* memory = storage::OfThisThread<TextMemory>()) memory->text.swap(text);
}

void CallKeyWriter::FileMember(std::string_view name, const std::filesystem::path& path) {
  object_.Name(name);
  AppendFile(path);
}

void CallKeyWriter::FilesMember(std::string_view name,
                                const std::vector<std::filesystem::path>& paths) {
  object_.Name(name);
  key::ListText list(out_);
  for (const std::filesystem::path& path : paths) {
    list.Next();
    AppendFile(path);
  }
  list.End();
}

void CallKeyWriter::AppendFile(const std::filesystem::path& path) {
  absl::StatusOr<FileContent> content = contents_.Of(path);
  if (!content.ok()) {
    if (key_.ok()) key_.failure = FailureOf(content.status());
    return;
  }
  key::ObjectText file(out_);
  file.Member(".type", std::string_view("file"));
  file.Member("blake3", hash::Hex(content->digest));
  file.Member("size", content->identity.size);
  file.End();
  key_.files.push_back(*std::move(content));
}

}  // namespace permacache::memoize
