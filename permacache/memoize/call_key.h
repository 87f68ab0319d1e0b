// The key of one call.
#ifndef PERMACACHE_MEMOIZE_CALL_KEY_H_
#define PERMACACHE_MEMOIZE_CALL_KEY_H_

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "permacache/key/key.h"
#include "permacache/memoize/file_content.h"
#include "permacache/memoize/options.h"

namespace permacache::memoize {

class FileContents;

// The text, and what it is true for.
struct CallKey {
  std::string text;
  std::vector<FileContent> files = {};  // whose contents are in the text
  std::optional<Failure> failure = {};  // why there is no text, where a file could not be read

  bool ok() const { return !failure; }
};

// Why a result is not to be stored that was computed with these files: one is not any more what it
// was. Nothing if all are.
std::optional<Failure> ChangeOf(const std::vector<FileContent>& files, FileContents& contents);

// Memory for a key's text, which a thread's next call has from the one before. A text that is given
// back after its thread has begun to end is let go.
std::string TakeTextMemory();
void GiveTextMemory(std::string text);

// Writes a key member by member. The names must come in ascending order.
class CallKeyWriter {
 public:
  CallKeyWriter(CallKey& key, KeyFormat format, FileContents& contents)
      : key_(key), contents_(contents), out_{key.text, format}, object_(out_) {}
  CallKeyWriter(const CallKeyWriter&) = delete;
  CallKeyWriter& operator=(const CallKeyWriter&) = delete;

  KeyFormat format() const { return out_.format; }

  template <class T>
  void Member(std::string_view name, const T& value) {
    object_.Member(name, value);
  }

  // {".type": "file", "blake3": "...", "size": 1000}, and a list of these.
  void FileMember(std::string_view name, const std::filesystem::path& path);
  void FilesMember(std::string_view name, const std::vector<std::filesystem::path>& paths);

  void End() { object_.End(); }

 private:
  void AppendFile(const std::filesystem::path& path);

  CallKey& key_;
  FileContents& contents_;
  key::Output out_;
  key::ObjectText object_;
};

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_CALL_KEY_H_
