// How much memory a process can map.
#ifndef PERMACACHE_STORAGE_ADDRESS_SPACE_H_
#define PERMACACHE_STORAGE_ADDRESS_SPACE_H_

#include <cstddef>

namespace permacache::storage {

// Whether a mapping of so many bytes can be had besides those there are.
bool IsSpaceFor(size_t size);

// `wanted` bytes, or where address space is short so many that others can live, too.
size_t AffordableMapSize(size_t wanted);

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_ADDRESS_SPACE_H_
