#include "permacache/memoize/recent_calls.h"

#include <atomic>

namespace permacache::memoize {
namespace {

constexpr size_t kSlots = 64;
constexpr size_t kLongestText = 256;

struct Slot {
  ScalarCall call;
  RecentResult result;  // in no state if there is none
  size_t size = 0;
  std::array<char, kLongestText> text;
};

// Has no destructor, so it may be used until the thread's very end.
thread_local std::array<Slot, kSlots> slots;

Slot& SlotOf(const ScalarCall& call) {
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;  // the golden ratio, as in Fibonacci hashing
  uint64_t hash = call.function * kOdd;
  for (const uint64_t argument : call.arguments) hash = (hash ^ argument ^ hash >> 32) * kOdd;
  static_assert(kSlots == size_t{1} << 6);
  return slots[hash >> 58];
}

}  // namespace

uint64_t NewFunctionNumber() {
  static std::atomic<uint64_t> last = 0;
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

std::optional<std::string_view> FindRecentKey(const ScalarCall& call) {
  const Slot& slot = SlotOf(call);
  if (slot.call != call) return std::nullopt;
  return std::string_view(slot.text.data(), slot.size);
}

void KeepRecentKey(const ScalarCall& call, std::string_view text) {
  if (text.size() > kLongestText) return;
  Slot& slot = SlotOf(call);
  slot.call = call;
  slot.result = {};
  slot.size = text.copy(slot.text.data(), text.size());
}

const RecentResult* FindRecentResult(const ScalarCall& call, const storage::StoreState& state) {
  const Slot& slot = SlotOf(call);
  return slot.result.state == state && slot.call == call ? &slot.result : nullptr;
}

void KeepRecentResult(const ScalarCall& call, const RecentResult& result) {
  Slot& slot = SlotOf(call);
  if (slot.call == call) slot.result = result;
}

}  // namespace permacache::memoize
