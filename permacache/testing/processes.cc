#include "permacache/testing/processes.h"

#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <fstream>
#include <system_error>
#include <vector>

namespace permacache::testing {

pid_t StartProcess(const std::function<int()>& body) {
  std::fflush(nullptr);  // or the child would print it once more
  const pid_t process = fork();
  if (process < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (process > 0) return process;
  int code = 255;
  try {
    code = body();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "process %d: %s\n", getpid(), error.what());
  }
  std::fflush(nullptr);
  _exit(code);
}

int WaitForProcess(pid_t process) {
  int status = 0;
  while (waitpid(process, &status, 0) < 0) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "waitpid");
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int RunProcesses(int count, const std::function<int(int)>& body) {
  std::vector<pid_t> processes;
  for (int i = 0; i < count; ++i) {
    processes.push_back(StartProcess([&] { return body(i); }));
  }
  int failed = 0;
  for (const pid_t process : processes) failed += WaitForProcess(process) != 0;
  return failed;
}

bool DropPrivileges() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  return syscall(SYS_capset, &header, none) == 0;
}

int RunAsOrdinaryUser(const std::function<int()>& body) {
  return WaitForProcess(StartProcess([&] { return DropPrivileges() ? body() : 100; }));
}

bool LimitAddressSpace(size_t bytes) {
  rlim_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlim_t size = pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + bytes;
  const rlimit limit = {size, size};
  return pages > 0 && setrlimit(RLIMIT_AS, &limit) == 0;
}

}  // namespace permacache::testing
