#include "permacache/storage/verify.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <string_view>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "permacache/storage/files.h"

namespace permacache::storage {
namespace {

// What the child tells its parent, through a pipe: a header, then `size` bytes of text.
struct Message {
  int64_t entries;
  int64_t total;
  uint64_t bytes;
  int64_t damaged;
  bool is_last;
  bool finished;  // if it is the last
  uint32_t size;
};

constexpr int64_t kEntriesBetweenMessages = 1000;
constexpr size_t kLongestProblem = 4000;

// The child's side.
class Reader {
 public:
  explicit Reader(int pipe) : pipe_(pipe) {}

  void Read(OpenStores open) {
    const absl::Status status = TryReadAll(open);
    message_.is_last = true;
    message_.finished = status.ok();
    Send(status.ok() ? "" : status.ToString());
  }

 private:
  // This process must not go on with the program that it was forked from.
  absl::Status TryReadAll(OpenStores open) {
    try {
      return ReadAll(open);
    } catch (const std::exception& error) {
      return absl::InternalError(error.what());
    } catch (...) {
      return absl::InternalError("an exception that is no std::exception");
    }
  }

  absl::Status ReadAll(OpenStores open) {
    const absl::StatusOr<Stores> stores = open();
    if (!stores.ok()) return stores.status();
    for (const auto& store : *stores) {
      const absl::StatusOr<int64_t> size = store->Size();
      if (!size.ok()) return size.status();
      message_.total += *size;
    }
    absl::Status status;
    for (const auto& store : *stores) {
      status.Update(store->ForEach(Depth::kValues, [this](const EntryInfo& info) {
        Count(info);
        return Verdict::kKeep;
      }));
    }
    return status;
  }

  void Count(const EntryInfo& info) {
    ++message_.entries;
    message_.bytes += info.bytes;
    message_.damaged += !info.status.ok();
    if (!info.status.ok()) {
      Send(info.status.ToString());
    } else if (message_.entries % kEntriesBetweenMessages == 0) {
      Send("");
    }
  }

  void Send(std::string_view problem) {
    problem = problem.substr(0, kLongestProblem);
    message_.size = static_cast<uint32_t>(problem.size());
    std::string bytes(reinterpret_cast<const char*>(&message_), sizeof(message_));
    bytes += problem;
    for (std::string_view rest = bytes; !rest.empty();) {
      const ssize_t written = write(pipe_, rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) _exit(1);  // nobody listens any more
      rest.remove_prefix(written);
    }
  }

  const int pipe_;
  Message message_{};
};

// Takes exactly so many bytes; false at the pipe's end.
bool Receive(int pipe, void* bytes, size_t size) {
  for (size_t got = 0; got < size;) {
    const ssize_t more = read(pipe, static_cast<char*>(bytes) + got, size - got);
    if (more < 0 && errno == EINTR) continue;
    if (more <= 0) return false;
    got += more;
  }
  return true;
}

// The parent's side: until the child has said its last, or died. A child of another thread may keep
// the pipe open for longer.
VerifyReport Listen(int pipe, OnProgress progress) {
  VerifyReport report{.finished = false, .problems = {}};
  Message message{};
  std::string problem;
  while (!message.is_last && Receive(pipe, &message, sizeof(message))) {
    problem.resize(std::min<size_t>(message.size, kLongestProblem));
    if (!Receive(pipe, problem.data(), problem.size())) break;
    report.entries = message.entries;
    report.bytes = message.bytes;
    report.damaged = message.damaged;
    report.finished = message.finished;
    if (!problem.empty() && report.problems.size() < VerifyReport::kMostProblems) {
      report.problems.push_back(problem);
    }
    progress(message.entries, std::max(message.entries, message.total));
  }
  return report;
}

// How the child ended.
int Await(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

absl::StatusOr<VerifyReport> Verify(OpenStores open, OnProgress progress) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "cannot make a pipe");
  const File reading(ends[0]);
  pid_t child;
  {
    const File writing(ends[1]);
    child = fork();
    if (child == 0) {
      Reader(writing.fd()).Read(open);
      _exit(0);
    }
  }
  if (child < 0) return absl::ErrnoToStatus(errno, "cannot start a process");
  absl::Cleanup give_up = [child] {  // if `progress` throws
    kill(child, SIGKILL);
    Await(child);
  };
  VerifyReport report = Listen(reading.fd(), progress);
  std::move(give_up).Cancel();
  const int status = Await(child);
  if (WIFSIGNALED(status)) {
    report.finished = false;
    report.problems.push_back(
        absl::StrCat("reading it ended the process: ", strsignal(WTERMSIG(status))));
  } else if (!report.finished && report.problems.empty()) {
    report.problems.push_back("the process that was to read it ended early");
  }
  return report;
}

}  // namespace permacache::storage
