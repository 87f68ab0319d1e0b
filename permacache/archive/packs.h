// The packs that lie under a cache, opened when they are first needed.
#ifndef PERMACACHE_ARCHIVE_PACKS_H_
#define PERMACACHE_ARCHIVE_PACKS_H_

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/archive/layered_store.h"
#include "permacache/archive/pack.h"

namespace permacache::archive {

// Every method may be called from any thread, and in a forked child.
class Packs {
 public:
  explicit Packs(const std::vector<std::filesystem::path>& paths);
  ~Packs();

  bool empty() const { return packs_.empty(); }

  // What they have of this version of a function, in their order. Calls on_trouble(status) for each
  // that cannot be opened; that is not tried again.
  std::vector<PackLayer> Find(std::string_view function, uint32_t version,
                              absl::FunctionRef<void(const absl::Status&)> on_trouble);

 private:
  using Opened = absl::StatusOr<std::shared_ptr<const Pack>>;

  // Lock-free, as a mutex might be held by another thread while this one forks.
  struct Place {
    std::filesystem::path path;
    std::atomic<const Opened*> opened = nullptr;
  };

  static const Opened& Open(Place& place);

  std::vector<std::unique_ptr<Place>> packs_;
};

}  // namespace permacache::archive

#endif  // PERMACACHE_ARCHIVE_PACKS_H_
