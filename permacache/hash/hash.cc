#include "permacache/hash/hash.h"

namespace permacache::hash {

ContentHasher::ContentHasher() { blake3_hasher_init(&state_); }

void ContentHasher::Update(std::span<const std::byte> bytes) {
  blake3_hasher_update(&state_, bytes.data(), bytes.size());
}

ContentDigest ContentHasher::Digest() const {
  ContentDigest digest;
  blake3_hasher_finalize(&state_, digest.data(), digest.size());
  return digest;
}

ContentDigest DigestOfContent(std::span<const std::byte> bytes) {
  ContentHasher hasher;
  hasher.Update(bytes);
  return hasher.Digest();
}

std::string Hex(std::span<const unsigned char> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * bytes.size());
  for (const unsigned char byte : bytes) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

}  // namespace permacache::hash
