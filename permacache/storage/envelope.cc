#include "permacache/storage/envelope.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <limits>
#include <memory>

#include "absl/strings/str_cat.h"
#include "permacache/storage/compression.h"
#include "xxhash.h"

namespace permacache::storage {
namespace {

// The fields of the header, by their offsets; FORMAT.md describes them.
constexpr std::string_view kMagic = "PmCr";
constexpr size_t kVersionOffset = 4;
constexpr size_t kCompressionOffset = 5;
constexpr size_t kLastUsedOffset = 6;
constexpr size_t kCreatedOffset = 8;
constexpr size_t kComputeTimeOffset = 16;
constexpr size_t kKeySizeOffset = 24;
constexpr size_t kStoredSizeOffset = 32;
constexpr size_t kValueSizeOffset = 40;

constexpr uint8_t kVersion = 1;
constexpr uint8_t kInFile = 0x80;  // in the byte of the compression

template <class T>
T LittleEndian(T number) {
  if constexpr (std::endian::native == std::endian::little) {
    return number;
  } else {
    T swapped = 0;
    for (size_t i = 0; i < sizeof(T); ++i)
      swapped |= T((number >> (8 * i)) & 0xff) << (8 * (sizeof(T) - 1 - i));
    return swapped;
  }
}

template <class T = uint64_t>
T Load(std::string_view bytes, size_t offset) {
  T number;
  std::memcpy(&number, bytes.data() + offset, sizeof(number));
  return LittleEndian(number);
}

template <class T>
void Save(std::string& bytes, size_t offset, T number) {
  number = LittleEndian(number);
  std::memcpy(bytes.data() + offset, &number, sizeof(number));
}

// The last use is known by its day, and not at all if that is the day of creation.
constexpr int64_t kLastDay = 0xffff;

int64_t DayOf(TimePoint time) {
  return std::chrono::floor<std::chrono::days>(time).time_since_epoch().count();
}

uint16_t DayOfLastUse(const Envelope& envelope) {
  const int64_t day = DayOf(envelope.last_used);
  if (day <= DayOf(envelope.created) || day < 0) return 0;
  return static_cast<uint16_t>(std::min(day, kLastDay));
}

TimePoint LastUse(uint16_t day, TimePoint created) {
  return day == 0 ? created : std::max(created, TimePoint(std::chrono::days(day)));
}

uint64_t Checksum(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

// Checks the header of an envelope of this size.
absl::Status CheckHeader(std::string_view header, uint64_t size) {
  if (size < kEnvelopeHeaderSize + kEnvelopeChecksumSize || header.size() < kEnvelopeHeaderSize) {
    return absl::DataLossError("a record is shorter than its header");
  }
  if (!IsEnvelope(header)) {
    return absl::DataLossError("a record has a wrong magic number");
  }
  const auto version = static_cast<uint8_t>(header[kVersionOffset]);
  if (version > kVersion) {
    return absl::UnimplementedError(absl::StrCat("a record has version ", version,
                                                 ", written by a newer permacache; this one knows ",
                                                 kVersion));
  }
  const uint64_t room = size - kEnvelopeHeaderSize - kEnvelopeChecksumSize;
  const uint64_t key_size = Load(header, kKeySizeOffset);
  if (key_size > room || Load(header, kStoredSizeOffset) != room - key_size) {
    return absl::DataLossError("a record's lengths do not fit its bytes");
  }
  return absl::OkStatus();
}

// What the header says, and the key. `bytes` must hold both.
Envelope ParseHead(std::string_view bytes) {
  const TimePoint created(std::chrono::nanoseconds(Load(bytes, kCreatedOffset)));
  const auto compression = static_cast<uint8_t>(bytes[kCompressionOffset]);
  return {.key = bytes.substr(kEnvelopeHeaderSize, Load(bytes, kKeySizeOffset)),
          .created = created,
          .compute_time = std::chrono::nanoseconds(Load(bytes, kComputeTimeOffset)),
          .last_used = LastUse(Load<uint16_t>(bytes, kLastUsedOffset), created),
          .in_file = (compression & kInFile) != 0,
          .compression = static_cast<Compression>(compression & ~kInFile),
          .value_size = Load(bytes, kValueSizeOffset),
          .stored = {}};
}

// The header and the key, with room for what follows.
std::string BeginOf(const Envelope& envelope, size_t room) {
  std::string bytes;
  bytes.reserve(kEnvelopeHeaderSize + envelope.key.size() + room);
  bytes.resize(kEnvelopeHeaderSize);
  kMagic.copy(bytes.data(), kMagic.size());
  bytes[kVersionOffset] = kVersion;
  bytes[kCompressionOffset] = static_cast<char>(static_cast<uint8_t>(envelope.compression) |
                                                (envelope.in_file ? kInFile : 0));
  Save(bytes, kLastUsedOffset, DayOfLastUse(envelope));
  Save<uint64_t>(bytes, kCreatedOffset, envelope.created.time_since_epoch().count());
  Save<uint64_t>(bytes, kComputeTimeOffset, envelope.compute_time.count());
  Save<uint64_t>(bytes, kKeySizeOffset, envelope.key.size());
  Save<uint64_t>(bytes, kStoredSizeOffset, envelope.stored.size());
  Save(bytes, kValueSizeOffset, envelope.value_size);
  bytes += envelope.key;
  return bytes;
}

}  // namespace

bool IsEnvelope(std::string_view bytes) { return bytes.starts_with(kMagic); }

std::string EnvelopeBegin(const Envelope& envelope) { return BeginOf(envelope, 0); }

std::string EnvelopeEnd(std::string_view begin, std::string_view stored) {
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(),
                                                                       XXH3_freeState);
  XXH3_64bits_reset(state.get());
  XXH3_64bits_update(state.get(), begin.data(), begin.size());
  XXH3_64bits_update(state.get(), stored.data(), stored.size());
  std::string bytes(kEnvelopeChecksumSize, '\0');
  Save(bytes, 0, XXH3_64bits_digest(state.get()));
  return bytes;
}

std::string SealEnvelope(const Envelope& envelope) {
  std::string bytes = BeginOf(envelope, envelope.stored.size() + kEnvelopeChecksumSize);
  bytes += envelope.stored;
  const uint64_t checksum = Checksum(bytes);
  bytes.resize(bytes.size() + kEnvelopeChecksumSize);
  Save(bytes, bytes.size() - kEnvelopeChecksumSize, checksum);
  return bytes;
}

std::string SealEnvelope(std::string_view key, const Record& record, Compression compression) {
  const PackedValue packed(record.value, compression);
  return SealEnvelope({.key = key,
                       .created = record.created,
                       .compute_time = record.compute_time,
                       .last_used = record.created,
                       .compression = packed.compression(),
                       .value_size = packed.value_size(),
                       .stored = packed.stored()});
}

absl::StatusOr<Envelope> ParseEnvelope(std::string_view bytes) {
  if (absl::Status status = CheckHeader(bytes, bytes.size()); !status.ok()) return status;
  const size_t checksum_offset = bytes.size() - kEnvelopeChecksumSize;
  if (Load(bytes, checksum_offset) != Checksum(bytes.substr(0, checksum_offset))) {
    return absl::DataLossError("a record's checksum is wrong");
  }
  Envelope envelope = ParseHead(bytes);
  envelope.stored =
      bytes.substr(kEnvelopeHeaderSize + envelope.key.size(), Load(bytes, kStoredSizeOffset));
  return envelope;
}

absl::StatusOr<uint64_t> EnvelopeHeadSize(std::string_view header, uint64_t size) {
  if (absl::Status status = CheckHeader(header, size); !status.ok()) return status;
  return kEnvelopeHeaderSize + Load(header, kKeySizeOffset);
}

absl::StatusOr<uint64_t> StatedEnvelopeSize(std::string_view header) {
  if (header.size() < kEnvelopeHeaderSize) {
    return absl::DataLossError("a record is shorter than its header");
  }
  const uint64_t key_size = Load(header, kKeySizeOffset);
  const uint64_t stored_size = Load(header, kStoredSizeOffset);
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  if (key_size > kMost || stored_size > kMost - key_size) {
    return absl::DataLossError("a record states an impossible length");
  }
  const uint64_t size = kEnvelopeHeaderSize + key_size + stored_size + kEnvelopeChecksumSize;
  if (absl::Status status = CheckHeader(header, size); !status.ok()) return status;
  return size;
}

absl::StatusOr<Envelope> ParseEnvelopeHead(std::string_view begin, uint64_t size) {
  const absl::StatusOr<uint64_t> head_size = EnvelopeHeadSize(begin, size);
  if (!head_size.ok()) return head_size.status();
  if (begin.size() < *head_size) return absl::DataLossError("a record is shorter than its key");
  return ParseHead(begin);
}

absl::StatusOr<bool> OpenEnvelope(std::string_view bytes, std::string_view key,
                                  absl::FunctionRef<void(const Record&)> visit) {
  const absl::StatusOr<Envelope> envelope = ParseEnvelope(bytes);
  if (!envelope.ok()) return envelope.status();
  if (envelope->key != key) return false;
  if (envelope->in_file) {
    return absl::DataLossError("a record's value lies in a file, where it never does");
  }
  const absl::Status unpacked = Unpack(
      envelope->stored, envelope->compression, envelope->value_size, [&](std::string_view value) {
        visit(
            {.value = value, .created = envelope->created, .compute_time = envelope->compute_time});
      });
  if (!unpacked.ok()) return unpacked;
  return true;
}

}  // namespace permacache::storage
