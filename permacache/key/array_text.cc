#include "permacache/key/array_text.h"

#include "permacache/key/scalar_text.h"

namespace permacache::key {

void AppendArrayDigest(std::string& text, std::string_view data_type, size_t length,
                       const hash::ContentDigest& digest) {
  text += R"({".type": "array", "blake3": ")";
  text += hash::Hex(digest);
  text += R"(", "dtype": ")";
  text += data_type;
  text += R"(", "shape": [)";
  AppendInteger(text, length);
  text += "]}";
}

}  // namespace permacache::key
