// A whole cache as one file: exported, imported, or opened as a layer under another cache.
#ifndef PERMACACHE_ARCHIVE_ARCHIVE_H_
#define PERMACACHE_ARCHIVE_ARCHIVE_H_

#include "permacache/archive/export.h"
#include "permacache/archive/import.h"
#include "permacache/archive/pack.h"

#endif  // PERMACACHE_ARCHIVE_ARCHIVE_H_
