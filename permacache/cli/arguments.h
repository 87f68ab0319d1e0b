// The arguments of a call, out of the text of its key.
#ifndef PERMACACHE_CLI_ARGUMENTS_H_
#define PERMACACHE_CLI_ARGUMENTS_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace permacache::cli {

// Nothing if the text is not that of a key (key/FORMAT.md), or has more than 1000 values inside one
// another: whoever looks into it goes as deep. NaN becomes null, an infinity the largest number, as
// JSON has neither. Pure, safe from any thread.
std::optional<nlohmann::json> ArgumentsIn(std::string_view key);

}  // namespace permacache::cli

#endif  // PERMACACHE_CLI_ARGUMENTS_H_
