// The record envelope: a stored result with all that is needed to trust it.
//
// FORMAT.md beside this file is the specification. The envelope holds the full text of the key,
// and a checksum over everything, so neither a collision of the index nor a damaged page ever
// yields a wrong value. Pure functions, safe from any thread.
#ifndef PERMACACHE_STORAGE_ENVELOPE_H_
#define PERMACACHE_STORAGE_ENVELOPE_H_

#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/storage/store.h"

namespace permacache::storage {

// Whether `bytes` begin like an envelope.
bool IsEnvelope(std::string_view bytes);

std::string SealEnvelope(std::string_view key, const Record& record, Compression compression);

// Calls visit(record) if the envelope is that of `key`, and returns whether it is.
//   kDataLoss        wrong magic, a length beyond the bytes, a wrong checksum, a damaged value
//   kUnimplemented   a newer version, or a compression that this version does not know
absl::StatusOr<bool> OpenEnvelope(std::string_view bytes, std::string_view key,
                                  absl::FunctionRef<void(const Record&)> visit);

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_ENVELOPE_H_
