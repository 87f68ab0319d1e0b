// Objects of which each thread has its own.
#ifndef PERMACACHE_STORAGE_OF_THIS_THREAD_H_
#define PERMACACHE_STORAGE_OF_THIS_THREAD_H_

namespace permacache::storage {

// This thread's T, made when it first asks. Null while the thread ends: programs may use caches
// until their very end, after the objects of their threads are gone.
template <class T>
T* OfThisThread() {
  static thread_local bool is_gone = false;
  struct Holder {
    ~Holder() { is_gone = true; }

    T object;
  };
  if (is_gone) return nullptr;
  static thread_local Holder holder;
  return &holder.object;
}

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_OF_THIS_THREAD_H_
