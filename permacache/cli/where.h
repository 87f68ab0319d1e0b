// The predicate of --where: which entries, by the arguments of their calls.
//
//   where      = and { "||" and }
//   and        = not { "&&" not }
//   not        = "!" not | "(" where ")" | comparison
//   comparison = operand [ ("==" | "!=" | "<" | "<=" | ">" | ">=" | "~") operand ]
//   operand    = path | number | string | "true" | "false" | "null"
//   path       = first { "." name | "[" index "]" | "[" string "]" }
//   first      = name | "[" string "]"
//
// A path begins with the name of an argument and goes on into what it holds. Strings are JSON's, in
// double or single quotes. Blanks between words do not count. kWhereHelp says what all of it means.
#ifndef PERMACACHE_CLI_WHERE_H_
#define PERMACACHE_CLI_WHERE_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"

namespace permacache::cli {

extern const char kWhereHelp[];

// Immutable, thus safe from any thread.
class Where {
 public:
  // kInvalidArgument says at which column what was expected, and shows the place.
  static absl::StatusOr<Where> Parse(std::string_view text);

  // Whether an entry with this key is meant. None is without arguments; see arguments.h.
  bool Matches(std::string_view key) const;

  // A part of the predicate; see where.cc.
  struct Node;

 private:
  explicit Where(std::shared_ptr<const Node> root) : root_(std::move(root)) {}

  std::shared_ptr<const Node> root_;
};

}  // namespace permacache::cli

#endif  // PERMACACHE_CLI_WHERE_H_
