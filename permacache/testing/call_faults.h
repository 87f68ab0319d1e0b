// Which of the calls that system_calls.cc sees fail. Private to :system_calls.
#ifndef PERMACACHE_TESTING_CALL_FAULTS_H_
#define PERMACACHE_TESTING_CALL_FAULTS_H_

#include <atomic>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>

#include "permacache/testing/system_calls.h"

namespace permacache::testing::internal {

// The file that a call is about: an open one, or that of a name, which a relative one is below the
// directory `fd`.
struct Place {
  int fd;
  const char* name = nullptr;
};

// Its path, with all links followed but one in the last part. Empty if there is none.
std::string PathOf(const Place& place);

struct Failure {
  int error;
  size_t bytes;
};

// How many faults and recordings there are: without any, calls are only forwarded.
extern constinit std::atomic<int> observers;

// How this call shall fail, if it shall. Leaves errno as it is.
std::optional<Failure> FailureOf(SystemCall call, std::initializer_list<Place> places);

}  // namespace permacache::testing::internal

#endif  // PERMACACHE_TESTING_CALL_FAULTS_H_
