// Values as they are stored: compressed, if that is asked for and makes them smaller.
//
// Pure functions, safe from any thread.
#ifndef PERMACACHE_STORAGE_COMPRESSION_H_
#define PERMACACHE_STORAGE_COMPRESSION_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "permacache/storage/store.h"

namespace permacache::storage {

// A value as it is to be stored.
class PackedValue {
 public:
  // `value` must outlive the object, which may refer to it.
  PackedValue(std::string_view value, Compression wanted);
  PackedValue(const PackedValue&) = delete;
  PackedValue& operator=(const PackedValue&) = delete;

  std::string_view stored() const { return stored_; }
  Compression compression() const { return compression_; }
  uint64_t value_size() const { return value_size_; }

 private:
  const uint64_t value_size_;
  std::string buffer_;
  std::string_view stored_;
  Compression compression_ = Compression::kNone;
};

// Calls visit(value) with the value that is stored so, whose size must be `value_size`.
//   kDataLoss        it is damaged
//   kUnimplemented   a compression that this version does not know
absl::Status Unpack(std::string_view stored, Compression compression, uint64_t value_size,
                    absl::FunctionRef<void(std::string_view value)> visit);

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_COMPRESSION_H_
