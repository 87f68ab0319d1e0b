#include "permacache/cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "permacache/cli/human.h"
#include "permacache/cli/interrupt.h"

namespace permacache::cli {
namespace {

constexpr auto kPatience = std::chrono::seconds(1);
constexpr auto kPauseBetweenLines = std::chrono::milliseconds(100);
constexpr size_t kLongestBar = 24;
constexpr size_t kShortestBar = 6;
constexpr size_t kUsualWidth = 80;

std::string AmountText(Unit unit, int64_t amount) {
  return unit == Unit::kBytes ? BytesText(amount) : CountText(amount);
}

// As long as there is room for it; none where there is little.
std::string BarText(double share, size_t room) {
  if (room < kShortestBar + 4) return "";
  const size_t width = std::min(room - 4, kLongestBar);
  const auto filled = static_cast<size_t>(share * static_cast<double>(width));
  std::string bar(filled, '=');
  if (filled < width) bar += '>';
  bar.resize(width, ' ');
  return absl::StrCat("  [", bar, "]");
}

size_t TerminalWidth() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                         : kUsualWidth;
}

}  // namespace

std::string ProgressLine(std::string_view doing, Unit unit, int64_t done, int64_t total,
                         std::chrono::nanoseconds elapsed, size_t width) {
  const double seconds = std::max(std::chrono::duration<double>(elapsed).count(), 1e-9);
  const double rate = static_cast<double>(done) / seconds;
  const std::string rate_text = absl::StrCat(AmountText(unit, static_cast<int64_t>(rate)),
                                             unit == Unit::kBytes ? "/s" : " entries/s");
  std::string line(doing), rest;
  if (total <= 0) {
    rest = absl::StrCat("  ", AmountText(unit, done), "  ", rate_text);
  } else {
    const double share = std::clamp(static_cast<double>(done) / static_cast<double>(total), 0., 1.);
    rest = absl::StrCat("  ", static_cast<int>(100 * share), " %  ", AmountText(unit, done), " of ",
                        AmountText(unit, total), "  ", rate_text);
    if (done > 0 && done < total) {
      const std::chrono::duration<double> left(static_cast<double>(total - done) / rate);
      absl::StrAppend(&rest, "  ",
                      DurationText(std::chrono::duration_cast<std::chrono::nanoseconds>(left)),
                      " left");
    }
    line += BarText(share, width - std::min(width, line.size() + rest.size()));
  }
  line += rest;
  if (line.size() > width) line.resize(width);
  return line;
}

Progress::Progress(std::string_view doing, Unit unit)
    : doing_(doing),
      unit_(unit),
      is_on_terminal_(isatty(STDERR_FILENO) != 0),
      next_(begin_ + kPatience) {}

Progress::~Progress() {
  if (is_shown_) std::fputs("\r\x1b[K", stderr);
}

void Progress::GoOnWith(std::string_view object) {
  object_ = object;
  begin_ = Clock::now();
}

void Progress::Update(int64_t done, int64_t total) {
  StopIfInterrupted();
  Show(done, total);
}

void Progress::Show(int64_t done, int64_t total) {
  if (!is_on_terminal_) return;
  const Clock::time_point now = Clock::now();
  if (now < next_) return;
  next_ = now + kPauseBetweenLines;
  is_shown_ = true;
  const std::string line =
      ProgressLine(object_.empty() ? doing_ : absl::StrCat(doing_, " ", object_), unit_, done,
                   total, now - begin_, TerminalWidth() - 1);
  std::fprintf(stderr, "\r%s\x1b[K", line.c_str());
}

}  // namespace permacache::cli
