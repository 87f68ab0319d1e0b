// Numbers, times and texts for people, and what people write of them. Pure functions but for the
// time zone, safe from any thread.
#ifndef PERMACACHE_CLI_HUMAN_H_
#define PERMACACHE_CLI_HUMAN_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "permacache/storage/store.h"

namespace permacache::cli {

std::string CountText(int64_t count);                       // 1,000,000
std::string BytesText(uint64_t bytes);                      // 999 B, 1.2 MB: powers of 1000
std::string DurationText(std::chrono::nanoseconds length);  // 1.5 ms, 2.0 s, 3 min, 4.5 h, 12 d
std::string TimeText(storage::TimePoint time);              // 2026-03-01 12:00, in local time
std::string ShareText(double share);                        // 97.3 %

// As programs read it: 2026-03-01T12:00:00.000000000Z.
std::string UtcText(storage::TimePoint time);

// "many entries": the count and the word, with an s unless it is one.
std::string Many(int64_t count, std::string_view word);

// `text` as it can be shown on a terminal, whatever it holds: control characters, what turns the
// direction of writing or takes no room, and what is not UTF-8 as \n, \x1b, \u202e.
std::string SafeText(std::string_view text);

// 500, 10k, 10M, 1.5G, 2T: powers of 1000; 10Ki, 10Mi and so on: of 1024.
absl::StatusOr<uint64_t> ParseBytes(std::string_view text);

// 90s, 15m, 12h, 30d, 2w, 1y.
absl::StatusOr<std::chrono::nanoseconds> ParseDuration(std::string_view text);

}  // namespace permacache::cli

#endif  // PERMACACHE_CLI_HUMAN_H_
