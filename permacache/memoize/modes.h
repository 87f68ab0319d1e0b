// Modes: scopes in which calls do otherwise than usual. They nest, and may overlap in any order.
#ifndef PERMACACHE_MEMOIZE_MODES_H_
#define PERMACACHE_MEMOIZE_MODES_H_

#include <atomic>
#include <concepts>
#include <memory>
#include <string>
#include <utility>

#include "permacache/catalog/error.h"

namespace permacache {
namespace memoize {

// How many scopes of each kind there are for one function, or for all.
struct Modes {
  std::atomic<int> error_on_miss = 0;
  std::atomic<int> no_cache = 0;

  static const std::shared_ptr<Modes>& OfAllFunctions();
};

// What a cached function is to the scopes below.
template <class F>
concept HasModes = requires(const F& function) {
  { function.modes() } -> std::same_as<const std::shared_ptr<Modes>&>;
};

// Counts one of the members of Modes up while it lives.
class ScopedMode {
 public:
  ScopedMode(const ScopedMode&) = delete;
  ScopedMode& operator=(const ScopedMode&) = delete;
  ~ScopedMode() { --((*modes_).*mode_); }

 protected:
  using Mode = std::atomic<int> Modes::*;
  ScopedMode(std::shared_ptr<Modes> modes, Mode mode) : modes_(std::move(modes)), mode_(mode) {
    ++((*modes_).*mode_);
  }

 private:
  const std::shared_ptr<Modes> modes_;
  const Mode mode_;
};

}  // namespace memoize

// A call had to compute while a ScopedErrorOnMiss forbade it.
class CacheMissError : public Error {
 public:
  CacheMissError(const std::string& function, const std::string& key);

  const std::string& function() const { return function_; }
  const std::string& key() const { return key_; }  // of the call; of the first one in a batch

 private:
  std::string function_;
  std::string key_;
};

// As long as it lives, calls of this function, or of all functions of this process, throw
// CacheMissError instead of computing: for tests that must not compute, or must not for long. That
// includes Recompute, and calls in a ScopedNoCache.
class ScopedErrorOnMiss : public memoize::ScopedMode {
 public:
  ScopedErrorOnMiss() : ScopedErrorOnMiss(memoize::Modes::OfAllFunctions()) {}
  explicit ScopedErrorOnMiss(const memoize::HasModes auto& function)
      : ScopedErrorOnMiss(function.modes()) {}

 private:
  explicit ScopedErrorOnMiss(std::shared_ptr<memoize::Modes> modes)
      : ScopedMode(std::move(modes), &memoize::Modes::error_on_miss) {}
};

// As long as it lives, calls of this function, or of all functions of this process, compute and
// neither read nor write the cache, nor count as hits or misses. Contains, Lookup and the like
// answer as ever.
class ScopedNoCache : public memoize::ScopedMode {
 public:
  ScopedNoCache() : ScopedNoCache(memoize::Modes::OfAllFunctions()) {}
  explicit ScopedNoCache(const memoize::HasModes auto& function)
      : ScopedNoCache(function.modes()) {}

 private:
  explicit ScopedNoCache(std::shared_ptr<memoize::Modes> modes)
      : ScopedMode(std::move(modes), &memoize::Modes::no_cache) {}
};

}  // namespace permacache

#endif  // PERMACACHE_MEMOIZE_MODES_H_
