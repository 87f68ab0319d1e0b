#include "permacache/key/value_text.h"

namespace permacache::key::internal {

void ReplaceByDigest(std::string& text, size_t begin) {
  const size_t length = text.size() - begin;
  const hash::ContentDigest digest =
      hash::DigestOfContent(std::as_bytes(std::span(text.data() + begin, length)));
  text.resize(begin);
  text += R"({".type": "digest", "blake3": ")";
  text += hash::Hex(digest);
  text += R"(", "length": )";
  AppendInteger(text, length);
  text += '}';
}

std::string StableHashOfText(std::string_view text) {
  return hash::Hex(hash::Sha256OfContent(std::as_bytes(std::span(text.data(), text.size()))));
}

}  // namespace permacache::key::internal
