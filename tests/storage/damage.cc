#include "tests/storage/damage.h"

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <iterator>

namespace permacache::testing {
namespace {

class Damage {
 public:
  Damage(std::string& bytes, std::mt19937_64& random)
      : bytes_(bytes), random_(random), page_(Any({64, 512, 4096, 4096, 4096, 4096})) {}

  void FlipABit() { Flip(random_() % bytes_.size()); }

  void FlipBitsInHeaders() {
    for (int i = 0; i < 5; ++i) {
      const size_t offset = AnyPage() + random_() % 64;
      if (offset < bytes_.size()) Flip(offset);
    }
  }

  void PutNoiseInAStretch() {
    const size_t begin = random_() % bytes_.size();
    Noise(begin, std::min(bytes_.size(), begin + random_() % 3000));
  }

  void PutNoiseEverywhere() { Noise(0, bytes_.size()); }

  void ZeroAPage() {
    const auto page = At(AnyPage());
    std::fill(page, page + Rest(page), '\0');
  }

  void SwapPages() {
    const auto a = At(AnyPage()), b = At(AnyPage());
    std::swap_ranges(a, a + std::min(Rest(a), Rest(b)), b);
  }

  void PutAPageInAnothersPlace() {
    const auto from = At(AnyPage()), to = At(AnyPage());
    const std::string page(from, from + std::min(Rest(from), Rest(to)));
    std::ranges::copy(page, to);
  }

  // The first bytes stay: an LMDB page has its number there.
  void PutAPageUnderAnothersNumber() {
    const auto from = At(AnyPage()), to = At(AnyPage());
    const ptrdiff_t size = std::min(Rest(from), Rest(to));
    if (size <= kPageNumber) return;
    const std::string page(from + kPageNumber, from + size);
    std::ranges::copy(page, to + kPageNumber);
  }

  void CutOff() { bytes_.resize(random_() % bytes_.size()); }

  void CutOffPages() { bytes_.resize(AnyPage()); }

  void Prolong() {
    const size_t size = bytes_.size();
    bytes_.resize(size + random_() % 100'000);
    if (random_() % 2 == 0) Noise(size, bytes_.size());
  }

  void RepeatPagesBehindTheEnd() {
    const auto page = At(AnyPage());
    const std::string repeated(page, page + Rest(page));
    for (size_t i = random_() % 8 + 1; i > 0; --i) bytes_ += repeated;
  }

 private:
  using Iterator = std::string::iterator;

  static constexpr ptrdiff_t kPageNumber = 8;

  size_t Any(std::initializer_list<size_t> sizes) {
    return std::data(sizes)[random_() % sizes.size()];
  }

  void Flip(size_t offset) { bytes_[offset] ^= static_cast<char>(1 << random_() % 8); }

  void Noise(size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) bytes_[i] = static_cast<char>(random_());
  }

  // The last page may be short.
  size_t AnyPage() { return random_() % ((bytes_.size() + page_ - 1) / page_) * page_; }
  Iterator At(size_t offset) { return bytes_.begin() + static_cast<ptrdiff_t>(offset); }
  ptrdiff_t Rest(Iterator page) {
    return std::min<ptrdiff_t>(bytes_.end() - page, static_cast<ptrdiff_t>(page_));
  }

  std::string& bytes_;
  std::mt19937_64& random_;
  const size_t page_;
};

struct Kind {
  const char* name;
  void (Damage::*apply)();
};

constexpr Kind kKinds[] = {
    {"a bit flipped", &Damage::FlipABit},
    {"bits flipped in headers", &Damage::FlipBitsInHeaders},
    {"noise in a stretch", &Damage::PutNoiseInAStretch},
    {"noise everywhere", &Damage::PutNoiseEverywhere},
    {"a page zeroed", &Damage::ZeroAPage},
    {"pages swapped", &Damage::SwapPages},
    {"a page in another's place", &Damage::PutAPageInAnothersPlace},
    {"a page under another's number", &Damage::PutAPageUnderAnothersNumber},
    {"cut off", &Damage::CutOff},
    {"cut off between pages", &Damage::CutOffPages},
    {"prolonged", &Damage::Prolong},
    {"prolonged by pages of its own", &Damage::RepeatPagesBehindTheEnd},
};

std::string ReadFile(const std::filesystem::path& path) {
  std::string bytes(std::filesystem::file_size(path), '\0');
  std::ifstream(path, std::ios::binary)
      .read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

}  // namespace

std::string DamageFile(const std::filesystem::path& file, std::mt19937_64& random) {
  std::string bytes = ReadFile(file);
  if (bytes.empty() || random() % 100 == 0) {
    std::filesystem::remove(file);
    return "removed";
  }
  const Kind& kind = kKinds[random() % std::size(kKinds)];
  (Damage(bytes, random).*kind.apply)();
  std::ofstream(file, std::ios::binary) << bytes;
  return kind.name;
}

}  // namespace permacache::testing
