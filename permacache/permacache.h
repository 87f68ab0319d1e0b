// permacache: makes the results of expensive functions permanent.
//
//   #include "permacache/permacache.h"
//   using namespace permacache::literals;
//
//   auto f = permacache::Memoize("path/f", F, "x"_a, "y"_a = 2);
//   f(1);   // computed once, ever; then read from disk
//
// This header is all that users include, and //permacache all that they depend on:
//   memoize/memoize.h          Memoize
//   memoize/cache.h            Cache, SyncAll, CloseAll, ProcessStats
//   memoize/options.h          CacheOptions, FunctionOptions, Failure, CallEvent, FunctionStats
//   memoize/cached_function.h  what a cached function can be asked
//   memoize/keying.h           what of an argument enters the key; files to write; batches
//   memoize/modes.h            ScopedErrorOnMiss, ScopedNoCache
//   memoize/explain.h          Explanation: why a call missed
//   memoize/string_form.h      StringForm: a value as a text, as a key function
//   key/key.h                  KeyText, StableHash, KeyWriter: which arguments there can be
//   key/hashed.h               Hashed: a large argument that is hashed once
//   key/array_view.h           ArrayView: arrays of several dimensions
//   codec/codec.h              which results there can be
//   hash/threads.h             SetHashThreads: how many threads hash large arguments
#ifndef PERMACACHE_PERMACACHE_H_
#define PERMACACHE_PERMACACHE_H_

// IWYU pragma: begin_exports
#include "permacache/codec/codec.h"
#include "permacache/hash/threads.h"
#include "permacache/key/key.h"
#include "permacache/memoize/memoize.h"
// IWYU pragma: end_exports

#endif  // PERMACACHE_PERMACACHE_H_
