// The name of the file that holds the record of a key.
#ifndef PERMACACHE_STORAGE_ENTRY_NAME_H_
#define PERMACACHE_STORAGE_ENTRY_NAME_H_

#include <string>
#include <string_view>

namespace permacache::storage {

// What people can read of a key that is short, and the digest of any: the key {"x": 2, "y": 0.5}
// has the name "x=2,y=0.5-e2e75a6c....pmc". FORMAT.md says how it is made. No two keys have one
// name but by a collision of 128 bits, not even where case does not count; every file system that
// is in use takes it. Pure functions, safe from any thread.
std::string EntryName(std::string_view key);

// Whether a file of this name is an entry.
bool IsEntryName(std::string_view name);

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_ENTRY_NAME_H_
