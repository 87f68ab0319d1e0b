// What a cache holds and saves, as a page for a browser.
#ifndef PERMACACHE_CLI_HTML_H_
#define PERMACACHE_CLI_HTML_H_

#include <string>
#include <string_view>

#include "permacache/cli/summary.h"
#include "permacache/storage/store.h"

namespace permacache::cli {

// One page that needs nothing else: its pictures are in it, and it has no scripts and loads
// nothing. Names and keys may hold anything; they are shown as texts.
std::string HtmlPage(const Summary& summary, std::string_view cache, storage::TimePoint now);

// `text` as it is to stand in a page, between tags or in quotes; what SafeText escapes, too.
std::string HtmlText(std::string_view text);

}  // namespace permacache::cli

#endif  // PERMACACHE_CLI_HTML_H_
