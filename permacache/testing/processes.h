// Real processes for tests: several at once, each running a function of the test.
#ifndef PERMACACHE_TESTING_PROCESSES_H_
#define PERMACACHE_TESTING_PROCESSES_H_

#include <sys/types.h>

#include <cstddef>
#include <functional>

namespace permacache::testing {

// Forks a process that runs `body` and exits with what it returns, without running the parent's
// exit handlers. An exception in it gives 255 and a line on stderr. Returns its id.
pid_t StartProcess(const std::function<int()>& body);

// Waits for the process; returns its exit code, or -N if signal N ended it.
int WaitForProcess(pid_t process);

// Runs body(0), ..., body(count - 1) at once, each in a process of its own. Returns how many of
// them ended otherwise than with 0.
int RunProcesses(int count, const std::function<int(int)>& body);

// Gives up what lets root pass over the permissions of files. For child processes: there is no way
// back. Returns whether it could.
bool DropPrivileges();

// Runs `body` in a process that is bound by the permissions of files, as root is not. Returns what
// WaitForProcess does, or 100 if that cannot be had.
int RunAsOrdinaryUser(const std::function<int()>& body);

// Lets this process map so many bytes besides what it has mapped by now. Returns whether it could:
// sanitizers need more address space than there is memory.
bool LimitAddressSpace(size_t bytes);

}  // namespace permacache::testing

#endif  // PERMACACHE_TESTING_PROCESSES_H_
