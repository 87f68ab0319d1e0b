// How much memory a process can map.
#ifndef PERMACACHE_STORAGE_ADDRESS_SPACE_H_
#define PERMACACHE_STORAGE_ADDRESS_SPACE_H_

#include <cstddef>

namespace permacache::storage {

// Whether a mapping of so many bytes can be had besides those there are.
bool IsSpaceFor(size_t size);

// `wanted` bytes, or where address space is short so many that others can live, too.
size_t AffordableMapSize(size_t wanted);

// Gives back to the kernel what counts as this process' memory of the file that is mapped at
// `address`, which can be read as before. Only of a map that is shared and cannot be written;
// elsewhere, and where the system does not tell what is mapped, nothing happens.
void LetGoOfFileAt(const void* address);

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_ADDRESS_SPACE_H_
