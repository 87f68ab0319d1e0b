// What can happen to a file.
#ifndef TESTS_STORAGE_DAMAGE_H_
#define TESTS_STORAGE_DAMAGE_H_

#include <filesystem>
#include <random>
#include <string>

namespace permacache::testing {

// Damages a file in any of these ways, and returns which it was: bits flipped, anywhere or in the
// headers of pages; pages zeroed, swapped or put in the place of others; noise, in a stretch or for
// all; the file cut off, prolonged, emptied or removed. A page is any of some usual units.
std::string DamageFile(const std::filesystem::path& file, std::mt19937_64& random);

}  // namespace permacache::testing

#endif  // TESTS_STORAGE_DAMAGE_H_
