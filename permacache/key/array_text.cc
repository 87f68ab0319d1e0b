#include "permacache/key/array_text.h"

namespace permacache::key {

void AppendArrayDigest(std::string& text, std::string_view data_type, std::span<const size_t> shape,
                       const hash::ContentDigest& digest) {
  text += R"({".type": "array", "blake3": ")";
  text += hash::Hex(digest);
  text += R"(", "dtype": ")";
  text += data_type;
  text += R"(", "shape": [)";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    AppendInteger(text, shape[i]);
  }
  text += "]}";
}

}  // namespace permacache::key
