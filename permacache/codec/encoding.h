// How a result is written.
#ifndef PERMACACHE_CODEC_ENCODING_H_
#define PERMACACHE_CODEC_ENCODING_H_

#include <cstdint>

namespace permacache::codec {

enum class Encoding : uint8_t {
  kBinary = 0,
  kJson = 1,  // for people; larger and slower, and no more than 1000 values inside one another
};

}  // namespace permacache::codec

#endif  // PERMACACHE_CODEC_ENCODING_H_
