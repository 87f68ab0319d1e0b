#include "permacache/hash/sha256.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <atomic>
#include <stdexcept>
#include <string>

namespace permacache::hash {
namespace {

// Throws what OpenSSL says if it did not succeed.
void Require(bool succeeded) {
  if (succeeded) return;
  char reason[256];
  ERR_error_string_n(ERR_get_error(), reason, sizeof(reason));
  ERR_clear_error();
  throw std::runtime_error(std::string("OpenSSL cannot compute SHA-256: ") + reason);
}

// Looked up once, which takes OpenSSL longer than to hash a hundred bytes. Never freed: it may be
// used until the process ends. Not a static variable with an initializer: a fork in the middle of
// that would leave it locked.
const EVP_MD* Sha256() {
  static std::atomic<const EVP_MD*> shared = nullptr;
  const EVP_MD* algorithm = shared.load(std::memory_order_acquire);
  if (algorithm != nullptr) return algorithm;
  EVP_MD* fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  Require(fetched != nullptr);
  if (shared.compare_exchange_strong(algorithm, fetched, std::memory_order_acq_rel)) return fetched;
  EVP_MD_free(fetched);  // another thread was first
  return algorithm;
}

}  // namespace

void Sha256Hasher::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256Hasher::Context Sha256Hasher::NewContext() {
  Context context(EVP_MD_CTX_new());
  Require(context != nullptr);
  return context;
}

Sha256Hasher::Sha256Hasher() : context_(NewContext()) {
  Require(EVP_DigestInit_ex(context_.get(), Sha256(), nullptr) == 1);
}

void Sha256Hasher::Update(std::span<const std::byte> bytes) {
  Require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

Sha256Digest Sha256Hasher::Digest() const {
  const Context copy = NewContext();
  Sha256Digest digest;
  Require(EVP_MD_CTX_copy_ex(copy.get(), context_.get()) == 1 &&
          EVP_DigestFinal_ex(copy.get(), digest.data(), nullptr) == 1);
  return digest;
}

Sha256Digest Sha256OfContent(std::span<const std::byte> bytes) {
  Sha256Digest digest;
  Require(EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, Sha256(), nullptr) == 1);
  return digest;
}

}  // namespace permacache::hash
