// Digests as text.
#ifndef PERMACACHE_HASH_HEX_H_
#define PERMACACHE_HASH_HEX_H_

#include <span>
#include <string>

namespace permacache::hash {

// Two lower-case digits per byte.
std::string Hex(std::span<const unsigned char> bytes);

}  // namespace permacache::hash

#endif  // PERMACACHE_HASH_HEX_H_
