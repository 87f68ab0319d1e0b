// A stored result as JSON that people can read: the counterpart of the envelope.
//
// FORMAT.md beside this file is the specification. Like the envelope, an entry holds the full text
// of the key and a checksum over everything, and gives back bit for bit what was put. Pure
// functions, safe from any thread.
#ifndef PERMACACHE_STORAGE_JSON_ENTRY_H_
#define PERMACACHE_STORAGE_JSON_ENTRY_H_

#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/storage/store.h"

namespace permacache::storage {

// A value that is JSON stands there as it is, any other in base64.
std::string SealJsonEntry(std::string_view key, const Record& record);

// Whether `bytes` begin like a JSON entry.
bool IsJsonEntry(std::string_view bytes);

// Calls visit(key, record). Line ends may have become "\r\n", as version control makes them on some
// systems.
//   kDataLoss        a wrong checksum, or not what SealJsonEntry writes
//   kUnimplemented   a newer version
absl::Status ReadJsonEntry(std::string_view bytes,
                           absl::FunctionRef<void(std::string_view key, const Record&)> visit);

// Calls visit(record) if the entry is that of `key`, and returns whether it is. Errors as above.
absl::StatusOr<bool> OpenJsonEntry(std::string_view bytes, std::string_view key,
                                   absl::FunctionRef<void(const Record&)> visit);

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_JSON_ENTRY_H_
