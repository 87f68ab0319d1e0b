// SHA-256, computed by OpenSSL's libcrypto with the instructions that the CPU has for it.
//
// libcrypto can be set up without SHA-256, or fail to load its settings. Then the constructor of
// Sha256Hasher and Sha256OfContent throw std::runtime_error with what it said; so does what runs
// out of memory inside of it.
#ifndef PERMACACHE_HASH_SHA256_H_
#define PERMACACHE_HASH_SHA256_H_

#include <array>
#include <cstddef>
#include <memory>
#include <span>

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace permacache::hash {

using Sha256Digest = std::array<unsigned char, 32>;

// Digests content that comes in pieces, on the calling thread; where the cuts are does not matter.
// An object belongs to one thread at a time. One that was moved from can only be assigned to.
class Sha256Hasher {
 public:
  Sha256Hasher();

  void Update(std::span<const std::byte> bytes);

  // The digest of everything so far; more may follow.
  Sha256Digest Digest() const;

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  using Context = std::unique_ptr<evp_md_ctx_st, Free>;

  static Context NewContext();

  Context context_;
};

// Digests content that is all in memory, on the calling thread. May be called from any thread.
Sha256Digest Sha256OfContent(std::span<const std::byte> bytes);

}  // namespace permacache::hash

#endif  // PERMACACHE_HASH_SHA256_H_
