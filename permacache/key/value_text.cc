#include "permacache/key/value_text.h"

namespace permacache::key::internal {

namespace {

// {".type": "TYPE", "blake3": "...", "length": 100000}
void AppendDigestOf(std::string& text, std::string_view type, std::string_view bytes) {
  const hash::ContentDigest digest =
      hash::DigestOfContent(std::as_bytes(std::span(bytes.data(), bytes.size())));
  text += R"({".type": ")";
  text += type;
  text += R"(", "blake3": ")";
  text += hash::Hex(digest);
  text += R"(", "length": )";
  AppendInteger(text, bytes.size());
  text += '}';
}

}  // namespace

void ReplaceByDigest(std::string& text, size_t begin) {
  std::string shortened;
  AppendDigestOf(shortened, "digest", std::string_view(text).substr(begin));
  text.replace(begin, std::string::npos, shortened);
}

void AppendStringDigest(std::string& text, std::string_view value) {
  AppendDigestOf(text, "string", value);
}

std::string StableHashOfText(std::string_view text) {
  return hash::Hex(hash::Sha256OfContent(std::as_bytes(std::span(text.data(), text.size()))));
}

}  // namespace permacache::key::internal
