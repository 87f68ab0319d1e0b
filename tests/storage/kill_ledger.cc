#include "tests/storage/kill_ledger.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace permacache::testing {
namespace {

constexpr uint32_t kVersionOfAll = 0;
constexpr uint32_t kCommonVersion = 1;
constexpr uint32_t kFirstOwnVersion = 2;

// In a number, above the tag of the entry.
constexpr int kLargeBit = 16;

uint64_t Mix(uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

size_t SizeOfNumber(uint64_t number) {
  const uint64_t random = Mix(number);
  if (number >> kLargeBit & 1) return (size_t{1} << 20) + random % (size_t{7} << 20);
  if (random % 16 == 0) return 0;
  const size_t most = random % 16 == 1 ? 400'000 : random % 16 <= 4 ? 20'000 : 2000;
  return sizeof(number) + random / 16 % most;
}

}  // namespace

uint32_t EntryId::version() const {
  if (is_common()) return kCommonVersion;
  return is_in_own_version() ? kFirstOwnVersion + process * kMostThreads + thread : kVersionOfAll;
}

uint16_t EntryId::tag() const {
  return static_cast<uint16_t>((process * kMostThreads + thread) << 8 | entry);
}

std::string EntryId::key() const { return "{\"tag\": " + std::to_string(tag()) + "}"; }

uint64_t NewNumber(const EntryId& id, std::mt19937_64& random) {
  const uint64_t large = id.is_large();
  return (random() | 1) << (kLargeBit + 1) | large << kLargeBit | id.tag();
}

// The number itself, and what follows from it.
std::string ValueOfNumber(uint64_t number) {
  std::string value(SizeOfNumber(number), '\0');
  for (size_t i = 0; i < value.size(); i += sizeof(number)) {
    const uint64_t word = i == 0 ? number : Mix(number + i);
    std::memcpy(value.data() + i, &word, std::min(sizeof(word), value.size() - i));
  }
  return value;
}

bool IsValueOf(const EntryId& id, std::string_view value) {
  if (value.empty()) return true;
  uint64_t number = 0;
  if (value.size() < sizeof(number)) return false;
  std::memcpy(&number, value.data(), sizeof(number));
  return static_cast<uint16_t>(number) == id.tag() && value == ValueOfNumber(number);
}

}  // namespace permacache::testing
