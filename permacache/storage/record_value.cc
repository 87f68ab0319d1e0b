#include "permacache/storage/record_value.h"

#include "permacache/storage/compression.h"

namespace permacache::storage {

absl::StatusOr<bool> VisitValue(const Envelope& envelope, std::string_view stored,
                                absl::FunctionRef<void(const Record&)> visit, int file) {
  const absl::Status unpacked =
      Unpack(stored, envelope.compression, envelope.value_size, [&](std::string_view value) {
        visit({.value = value,
               .created = envelope.created,
               .compute_time = envelope.compute_time,
               .file = envelope.compression == Compression::kNone ? file : -1});
      });
  if (!unpacked.ok()) return unpacked;
  return true;
}

absl::StatusOr<bool> VisitFile(const ValueFiles& files, const Place& place, std::string_view bytes,
                               absl::FunctionRef<void(const Record&)> visit) {
  const absl::StatusOr<Envelope> envelope = ParseEnvelope(bytes);
  if (!envelope.ok()) return envelope.status();
  const absl::StatusOr<ValueReference> reference = ValueReference::FromBytes(envelope->stored);
  if (!reference.ok()) return reference.status();
  absl::StatusOr<bool> visited = false;
  const absl::Status read = files.Read(place, *reference, [&](std::string_view stored, int file) {
    visited = VisitValue(*envelope, stored, visit, file);
  });
  if (!read.ok()) return read;
  return visited;
}

}  // namespace permacache::storage
