// Storage: key text -> record. The interface of a store and the stores there are.
#ifndef PERMACACHE_STORAGE_STORAGE_H_
#define PERMACACHE_STORAGE_STORAGE_H_

// IWYU pragma: begin_exports
#include "permacache/storage/file_store.h"
#include "permacache/storage/lmdb_store.h"
#include "permacache/storage/memory_store.h"
#include "permacache/storage/prune.h"
#include "permacache/storage/store.h"
#include "permacache/storage/verify.h"
// IWYU pragma: end_exports

#endif  // PERMACACHE_STORAGE_STORAGE_H_
