#include "permacache/storage/envelope.h"

#include <bit>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "xxhash.h"
#include "zstd.h"

namespace permacache::storage {
namespace {

// The fields of the header, by their offsets; FORMAT.md describes them.
constexpr std::string_view kMagic = "PmCr";
constexpr size_t kVersionOffset = 4;
constexpr size_t kCompressionOffset = 5;
constexpr size_t kCreatedOffset = 8;
constexpr size_t kComputeTimeOffset = 16;
constexpr size_t kKeySizeOffset = 24;
constexpr size_t kStoredSizeOffset = 32;
constexpr size_t kValueSizeOffset = 40;
constexpr size_t kHeaderSize = 48;
constexpr size_t kChecksumSize = 8;

constexpr uint8_t kVersion = 1;
constexpr int kZstdLevel = 3;

template <class T>
T LittleEndian(T number) {
  if constexpr (std::endian::native == std::endian::little) {
    return number;
  } else {
    T swapped = 0;
    for (size_t i = 0; i < sizeof(T); ++i) swapped = swapped << 8 | (number >> (8 * i) & 0xff);
    return swapped;
  }
}

uint64_t Load(std::string_view bytes, size_t offset) {
  uint64_t number;
  std::memcpy(&number, bytes.data() + offset, sizeof(number));
  return LittleEndian(number);
}

void Save(std::string& bytes, size_t offset, uint64_t number) {
  number = LittleEndian(number);
  std::memcpy(bytes.data() + offset, &number, sizeof(number));
}

uint64_t Checksum(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

// The compressed value, or nothing if that is no smaller.
std::string Compress(std::string_view value) {
  std::string compressed(ZSTD_compressBound(value.size()), '\0');
  const size_t size =
      ZSTD_compress(compressed.data(), compressed.size(), value.data(), value.size(), kZstdLevel);
  if (ZSTD_isError(size) || size >= value.size()) return {};
  compressed.resize(size);
  return compressed;
}

// No record holds more, so a greater length is a lie that would cost its memory.
constexpr uint64_t kLargestValue = uint64_t{1} << 31;

// The header's length of the value is only believed as far as zstd's own frame confirms it.
absl::Status Decompress(std::string_view stored, uint64_t value_size, std::string& value) {
  if (value_size > kLargestValue) {
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

absl::Status CheckHeader(std::string_view bytes) {
  if (bytes.size() < kHeaderSize + kChecksumSize) {
    return absl::DataLossError("a record is shorter than its header");
  }
  if (!IsEnvelope(bytes)) {
    return absl::DataLossError("a record has a wrong magic number");
  }
  const auto version = static_cast<uint8_t>(bytes[kVersionOffset]);
  if (version > kVersion) {
    return absl::UnimplementedError(absl::StrCat("a record has version ", version,
                                                 ", written by a newer permacache; this one knows ",
                                                 kVersion));
  }
  const uint64_t room = bytes.size() - kHeaderSize - kChecksumSize;
  const uint64_t key_size = Load(bytes, kKeySizeOffset);
  if (key_size > room || Load(bytes, kStoredSizeOffset) != room - key_size) {
    return absl::DataLossError("a record's lengths do not fit its bytes");
  }
  const size_t checksum_offset = bytes.size() - kChecksumSize;
  if (Load(bytes, checksum_offset) != Checksum(bytes.substr(0, checksum_offset))) {
    return absl::DataLossError("a record's checksum is wrong");
  }
  return absl::OkStatus();
}

}  // namespace

bool IsEnvelope(std::string_view bytes) { return bytes.starts_with(kMagic); }

std::string SealEnvelope(std::string_view key, const Record& record, Compression compression) {
  std::string compressed;
  if (compression == Compression::kZstd) compressed = Compress(record.value);
  const std::string_view stored = compressed.empty() ? record.value : compressed;
  const Compression used = compressed.empty() ? Compression::kNone : compression;

  std::string bytes(kHeaderSize, '\0');
  bytes.reserve(kHeaderSize + key.size() + stored.size() + kChecksumSize);
  kMagic.copy(bytes.data(), kMagic.size());
  bytes[kVersionOffset] = kVersion;
  bytes[kCompressionOffset] = static_cast<char>(used);
  Save(bytes, kCreatedOffset, record.created.time_since_epoch().count());
  Save(bytes, kComputeTimeOffset, record.compute_time.count());
  Save(bytes, kKeySizeOffset, key.size());
  Save(bytes, kStoredSizeOffset, stored.size());
  Save(bytes, kValueSizeOffset, record.value.size());
  bytes += key;
  bytes += stored;
  const uint64_t checksum = Checksum(bytes);
  bytes.resize(bytes.size() + kChecksumSize);
  Save(bytes, bytes.size() - kChecksumSize, checksum);
  return bytes;
}

absl::StatusOr<bool> OpenEnvelope(std::string_view bytes, std::string_view key,
                                  absl::FunctionRef<void(const Record&)> visit) {
  if (absl::Status status = CheckHeader(bytes); !status.ok()) return status;
  const uint64_t key_size = Load(bytes, kKeySizeOffset);
  if (bytes.substr(kHeaderSize, key_size) != key) return false;

  Record record;
  record.created = TimePoint(std::chrono::nanoseconds(Load(bytes, kCreatedOffset)));
  record.compute_time = std::chrono::nanoseconds(Load(bytes, kComputeTimeOffset));
  const std::string_view stored =
      bytes.substr(kHeaderSize + key_size, Load(bytes, kStoredSizeOffset));
  const uint64_t value_size = Load(bytes, kValueSizeOffset);
  std::string decompressed;
  switch (static_cast<Compression>(bytes[kCompressionOffset])) {
    case Compression::kNone:
      if (value_size != stored.size()) {
        return absl::DataLossError("a record's value has another length than it says");
      }
      record.value = stored;
      break;
    case Compression::kZstd:
      if (absl::Status status = Decompress(stored, value_size, decompressed); !status.ok()) {
        return status;
      }
      record.value = decompressed;
      break;
    default:
      return absl::UnimplementedError(
          "a record is compressed in a way this permacache does not know");
  }
  visit(record);
  return true;
}

}  // namespace permacache::storage
