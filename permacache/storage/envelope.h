// The record envelope: a stored result with all that is needed to trust it.
//
// FORMAT.md beside this file is the specification. The envelope holds the full text of the key,
// and a checksum over everything, so neither a collision of the index nor a damaged page ever
// yields a wrong value. Pure functions, safe from any thread.
#ifndef PERMACACHE_STORAGE_ENVELOPE_H_
#define PERMACACHE_STORAGE_ENVELOPE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/storage/store.h"

namespace permacache::storage {

// What an envelope takes besides the key and the value.
inline constexpr size_t kEnvelopeHeaderSize = 48;
inline constexpr size_t kEnvelopeChecksumSize = 8;

struct Envelope {
  std::string_view key;
  TimePoint created = {};
  std::chrono::nanoseconds compute_time = {};
  TimePoint last_used = {};  // its day, if that is later than `created`
  bool in_file = false;      // the value lies in a file of its own
  Compression compression = Compression::kNone;
  uint64_t value_size = 0;  // uncompressed
  std::string_view stored;  // the value, perhaps compressed, or a reference to its file
};

// Whether `bytes` begin like an envelope.
bool IsEnvelope(std::string_view bytes);

std::string SealEnvelope(const Envelope& envelope);

// The same in pieces, for who does not copy a large value: what comes before `envelope.stored`, and
// what comes after it.
std::string EnvelopeBegin(const Envelope& envelope);
std::string EnvelopeEnd(std::string_view begin, std::string_view stored);

// With the value in it. It was used last when it was created.
std::string SealEnvelope(std::string_view key, const Record& record, Compression compression);

// The parts of an envelope, which point into `bytes`.
//   kDataLoss        wrong magic, a length beyond the bytes, a wrong checksum
//   kUnimplemented   a newer version
absl::StatusOr<Envelope> ParseEnvelope(std::string_view bytes);

// The same without looking at the checksum, and of as many bytes at the beginning of the envelope
// as hold the key; `stored` is empty. `size` is that of the whole envelope.
absl::StatusOr<Envelope> ParseEnvelopeHead(std::string_view begin, uint64_t size);

// How many bytes of an envelope are before its value, if these are its first kEnvelopeHeaderSize.
absl::StatusOr<uint64_t> EnvelopeHeadSize(std::string_view header, uint64_t size);

// How many bytes an envelope has whose header these bytes begin with, as it states.
absl::StatusOr<uint64_t> StatedEnvelopeSize(std::string_view header);

// Calls visit(record) if the envelope is that of `key` and has its value in it, and returns whether
// it is that of `key`.
//   kDataLoss        as above; a damaged value; a value in a file
//   kUnimplemented   as above; a compression that this version does not know
absl::StatusOr<bool> OpenEnvelope(std::string_view bytes, std::string_view key,
                                  absl::FunctionRef<void(const Record&)> visit);

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_ENVELOPE_H_
