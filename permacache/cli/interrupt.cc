#include "permacache/cli/interrupt.h"

#include <signal.h>

namespace permacache::cli {
namespace {

std::atomic<bool> flag = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

}  // namespace

// System calls go on, as they may be in the midst of a change.
void CatchInterrupts() {
  struct sigaction action = {};
  action.sa_handler = [](int) { flag = true; };
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
}

const std::atomic<bool>& interrupted() { return flag; }

void StopIfInterrupted() {
  if (flag) throw Interrupted();
}

}  // namespace permacache::cli
