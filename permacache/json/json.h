// JSON (RFC 8259) as text: checked, written for people, and read back without a tree in between.
#ifndef PERMACACHE_JSON_JSON_H_
#define PERMACACHE_JSON_JSON_H_

// IWYU pragma: begin_exports
#include "permacache/json/reader.h"
#include "permacache/json/text.h"
#include "permacache/json/writer.h"
// IWYU pragma: end_exports

#endif  // PERMACACHE_JSON_JSON_H_
