#include "permacache/storage/compression.h"

#include <cstddef>

#include "zstd.h"

namespace permacache::storage {
namespace {

constexpr int kZstdLevel = 3;

// A block of zstd holds at most 128 KiB and takes at least 4 bytes. A greater length is a lie that
// would cost its memory.
constexpr uint64_t kLargestExpansion = (128 << 10) / 4;

// The compressed value, or nothing if that is no smaller.
std::string Compress(std::string_view value) {
  std::string compressed(ZSTD_compressBound(value.size()), '\0');
  const size_t size =
      ZSTD_compress(compressed.data(), compressed.size(), value.data(), value.size(), kZstdLevel);
  if (ZSTD_isError(size) || size >= value.size()) return {};
  compressed.resize(size);
  return compressed;
}

// The length of the value is only believed as far as zstd's own frame confirms it.
absl::Status Decompress(std::string_view stored, uint64_t value_size, std::string& value) {
  if (value_size / kLargestExpansion > stored.size()) {
    return absl::DataLossError("a record's compressed value has an impossible length");
  }
  if (ZSTD_getFrameContentSize(stored.data(), stored.size()) != value_size) {
    return absl::DataLossError("a record's compressed value has another length than it says");
  }
  value.resize(value_size);
  const size_t size = ZSTD_decompress(value.data(), value.size(), stored.data(), stored.size());
  if (ZSTD_isError(size) || size != value_size) {
    return absl::DataLossError("a record's compressed value is damaged");
  }
  return absl::OkStatus();
}

}  // namespace

PackedValue::PackedValue(std::string_view value, Compression wanted)
    : value_size_(value.size()), stored_(value) {
  if (wanted != Compression::kZstd) return;
  buffer_ = Compress(value);
  if (buffer_.empty()) return;
  stored_ = buffer_;
  compression_ = wanted;
}

absl::Status Unpack(std::string_view stored, Compression compression, uint64_t value_size,
                    absl::FunctionRef<void(std::string_view value)> visit) {
  if (compression == Compression::kNone) {
    if (value_size != stored.size()) {
      return absl::DataLossError("a record's value has another length than it says");
    }
    visit(stored);
    return absl::OkStatus();
  }
  if (compression != Compression::kZstd) {
    return absl::UnimplementedError(
        "a record is compressed in a way this permacache does not know");
  }
  std::string value;
  if (absl::Status status = Decompress(stored, value_size, value); !status.ok()) return status;
  visit(value);
  return absl::OkStatus();
}

}  // namespace permacache::storage
