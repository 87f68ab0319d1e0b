// Tests that run for a while: some seconds, or as many as --seconds=N says.
//
//   ./bazelw run //tests/storage:kill_torture -- --seconds=600
//
// This library has their main(). It refuses what is neither its flag nor one of googletest's.
#ifndef PERMACACHE_TESTING_TORTURE_H_
#define PERMACACHE_TESTING_TORTURE_H_

#include <sys/mman.h>

#include <cerrno>
#include <chrono>
#include <new>
#include <system_error>

namespace permacache::testing {

// When a test that begins now shall end, if by itself it would take so long.
std::chrono::steady_clock::time_point EndOfTorture(std::chrono::seconds by_default);

// An object that processes forked from now on share with this one, and that outlives those that are
// killed. What they write at once must be atomic.
template <class T>
class SharedByProcesses {
 public:
  SharedByProcesses() {
    void* memory =
        mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    object_ = new (memory) T();
  }
  SharedByProcesses(const SharedByProcesses&) = delete;
  SharedByProcesses& operator=(const SharedByProcesses&) = delete;
  ~SharedByProcesses() {
    object_->~T();
    munmap(object_, sizeof(T));
  }

  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }

 private:
  T* object_;
};

}  // namespace permacache::testing

#endif  // PERMACACHE_TESTING_TORTURE_H_
