#include "permacache/archive/packs.h"

#include <utility>

namespace permacache::archive {

Packs::Packs(const std::vector<std::filesystem::path>& paths) {
  for (const std::filesystem::path& path : paths) {
    packs_.push_back(std::make_unique<Place>());
    packs_.back()->path = path;
  }
}

Packs::~Packs() {
  for (const std::unique_ptr<Place>& place : packs_) delete place->opened.load();
}

const Packs::Opened& Packs::Open(Place& place) {
  const Opened* opened = place.opened.load(std::memory_order_acquire);
  if (opened != nullptr) return *opened;
  auto mine = std::make_unique<const Opened>(Pack::Open(place.path));
  if (place.opened.compare_exchange_strong(opened, mine.get(), std::memory_order_acq_rel)) {
    return *mine.release();
  }
  return *opened;
}

std::vector<PackLayer> Packs::Find(std::string_view function, uint32_t version,
                                   absl::FunctionRef<void(const absl::Status&)> on_trouble) {
  std::vector<PackLayer> layers;
  for (const std::unique_ptr<Place>& place : packs_) {
    const Opened& pack = Open(*place);
    if (!pack.ok()) {
      on_trouble(pack.status());
    } else if (const Pack::Indexes* indexes = (*pack)->Find(function, version)) {
      layers.push_back({*pack, indexes});
    }
  }
  return layers;
}

}  // namespace permacache::archive
