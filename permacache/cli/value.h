// What stands in a row: a number, a time, a text, each with its meaning, so that it can be written
// for people and for programs.
#ifndef PERMACACHE_CLI_VALUE_H_
#define PERMACACHE_CLI_VALUE_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "permacache/storage/store.h"

namespace permacache::cli {

struct Unknown {};
struct Count {
  int64_t number;
};
struct Bytes {
  uint64_t number;
};
struct Duration {
  std::chrono::nanoseconds length;
};
struct Time {
  storage::TimePoint point;
};
struct Share {
  double number;  // from 0 to 1
};
struct Text {
  std::string text;  // any bytes
};
struct Json {
  std::string text;  // which must be valid
};
struct Binary {
  std::string bytes;
};
struct Numbers {
  std::vector<uint32_t> numbers;
};

// In JSON: null; a number; a number of bytes; of seconds; a string such as
// "2026-03-01T12:00:00.000000000Z"; a number; a string, or {"base64": "..."} for what is not UTF-8;
// the value itself; a string in base64; an array.
using Value =
    std::variant<Unknown, bool, Count, Bytes, Duration, Time, Share, Text, Json, Binary, Numbers>;

// For people, on one line but for Json and Binary.
std::string ToText(const Value& value);

std::string ToJson(const Value& value);

// Whether people expect it at the right of its column.
bool IsNumber(const Value& value);

}  // namespace permacache::cli

#endif  // PERMACACHE_CLI_VALUE_H_
