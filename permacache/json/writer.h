// Writes JSON as people like to read it, and version control to compare it.
#ifndef PERMACACHE_JSON_WRITER_H_
#define PERMACACHE_JSON_WRITER_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace permacache::json {

// Objects have a member per line, arrays of scalars as many elements per line as there is room
// for. Whoever writes sees to it that every member has a name, that no element has, and that what
// begins ends. An object belongs to one thread at a time.
class Writer {
 public:
  // Appends to `*out`, which must outlive the writer.
  explicit Writer(std::string* out) : out_(*out), line_(out->size()) {}

  void Name(std::string_view name);  // of the next value

  void Scalar(std::string_view text);  // true, false, null or a number, as it shall stand there
  void String(std::string_view text);  // must be UTF-8

  // A string; {"base64": "..."} for what is not UTF-8.
  void Bytes(std::string_view bytes);

  void BeginArray() { Begin('[', ']'); }
  void BeginObject() { Begin('{', '}'); }
  void End();

 private:
  struct Level {
    char closing;
    bool is_empty = true;
    bool has_lines = false;  // its end begins a line, too
  };

  void BeginLine();
  void Place(size_t length);
  void Begin(char opening, char closing);

  std::string& out_;
  size_t line_;  // where the current line begins
  bool named_ = false;
  std::vector<Level> levels_;
};

}  // namespace permacache::json

#endif  // PERMACACHE_JSON_WRITER_H_
