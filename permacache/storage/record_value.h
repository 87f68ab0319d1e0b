// The value of a record, wherever it lies.
//
// Functions, safe from any thread.
#ifndef PERMACACHE_STORAGE_RECORD_VALUE_H_
#define PERMACACHE_STORAGE_RECORD_VALUE_H_

#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "permacache/storage/envelope.h"
#include "permacache/storage/place.h"
#include "permacache/storage/store.h"
#include "permacache/storage/value_files.h"

namespace permacache::storage {

// Both call visit(record) and return true.
//   kDataLoss        the value is damaged
//   kUnimplemented   it is compressed in a way that this version does not know

// Of an envelope whose value is stored so, in a file of its own if there is one.
absl::StatusOr<bool> VisitValue(const Envelope& envelope, std::string_view stored,
                                absl::FunctionRef<void(const Record&)> visit, int file = -1);

// Of the envelope `bytes`, whose value lies in a file. kNotFound if there is no such file.
absl::StatusOr<bool> VisitFile(const ValueFiles& files, const Place& place, std::string_view bytes,
                               absl::FunctionRef<void(const Record&)> visit);

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_RECORD_VALUE_H_
