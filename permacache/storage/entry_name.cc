#include "permacache/storage/entry_name.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "permacache/storage/key_digest.h"

namespace permacache::storage {
namespace {

constexpr size_t kLongestReadable = 64;
constexpr std::string_view kExtension = ".pmc";
constexpr std::string_view kHexDigits = "0123456789abcdef";

std::string Digest(std::string_view key) {
  std::string text;
  for (const unsigned char byte : DigestOfKey(key)) {
    text += kHexDigits[byte >> 4];
    text += kHexDigits[byte & 15];
  }
  return text;
}
constexpr size_t kDigestSize = 2 * sizeof(KeyDigest);

bool IsPortable(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("._=,+-").find(c) != std::string_view::npos;
}

// Windows takes these for devices, whatever follows a dot behind them.
bool IsDevice(std::string_view name) {
  constexpr std::array<std::string_view, 4> kDevices = {"con", "prn", "aux", "nul"};
  const std::string base(name.substr(0, name.find('.')));
  const std::string lower = absl::AsciiStrToLower(base);
  if (std::ranges::find(kDevices, lower) != kDevices.end()) return true;
  return lower.size() == 4 && (lower.starts_with("com") || lower.starts_with("lpt")) &&
         absl::ascii_isdigit(static_cast<unsigned char>(lower[3]));
}

// Nothing if it were too long.
std::string ReadablePart(std::string_view key) {
  std::string part;
  for (size_t i = 0; i < key.size() && part.size() <= kLongestReadable; ++i) {
    const char c = key[i];
    if (c == '{' || c == '}' || c == '"') continue;
    const bool before_blank = i + 1 < key.size() && key[i + 1] == ' ';
    if (before_blank && (c == ':' || c == ',')) {
      part += c == ':' ? '=' : ',';
      ++i;
    } else {
      part += IsPortable(c) ? c : '_';
    }
  }
  // Names that begin so are hidden, or taken for options.
  if (part.starts_with('.') || part.starts_with('-')) part.front() = '_';
  if (IsDevice(part)) part.insert(part.begin(), '_');
  return part.size() > kLongestReadable ? "" : part;
}

}  // namespace

std::string EntryName(std::string_view key) {
  std::string name = ReadablePart(key);
  if (!name.empty()) name += '-';
  name += Digest(key);
  name += kExtension;
  return name;
}

bool IsEntryName(std::string_view name) {
  if (!name.ends_with(kExtension)) return false;
  name.remove_suffix(kExtension.size());
  if (name.size() < kDigestSize) return false;
  const std::string_view digest = name.substr(name.size() - kDigestSize);
  name.remove_suffix(kDigestSize);
  return digest.find_first_not_of(kHexDigits) == digest.npos &&
         (name.empty() || name.ends_with('-'));
}

}  // namespace permacache::storage
