// What is JSON, and bytes that are not text in it. Pure functions, safe from any thread.
#ifndef PERMACACHE_JSON_TEXT_H_
#define PERMACACHE_JSON_TEXT_H_

#include <optional>
#include <string>
#include <string_view>

namespace permacache::json {

// Whether `text` is one JSON value in UTF-8, perhaps with blanks around it. Takes memory for the
// depth of its brackets alone, and no stack for them.
bool IsValid(std::string_view text);

bool IsUtf8(std::string_view bytes);

// Appends `text`, which must be UTF-8, in quotes. All but control characters, quotes and
// backslashes stay as they are.
void AppendString(std::string& out, std::string_view text);

// RFC 4648 with padding. FromBase64 takes exactly what ToBase64 gives.
std::string ToBase64(std::string_view bytes);
std::optional<std::string> FromBase64(std::string_view text);

}  // namespace permacache::json

#endif  // PERMACACHE_JSON_TEXT_H_
