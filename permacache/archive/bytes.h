// Numbers as bytes, the little end first.
#ifndef PERMACACHE_ARCHIVE_BYTES_H_
#define PERMACACHE_ARCHIVE_BYTES_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

namespace permacache::archive {

template <class T>
void AppendNumber(std::string& bytes, T number) {
  static_assert(std::is_unsigned_v<T>);
  for (size_t i = 0; i < sizeof(T); ++i) bytes += static_cast<char>(number >> (8 * i) & 0xff);
}

// Takes what it is asked for off the front of some bytes, of which there may be too few.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  std::string_view rest() const { return bytes_; }

  // What is taken when there is not enough is empty, or 0, and so is all that follows.
  bool ok() const { return is_ok_; }

  std::string_view Bytes(size_t size) {
    if (size > bytes_.size()) {
      is_ok_ = false;
      bytes_ = {};
      return {};
    }
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }

  template <class T>
  T Number() {
    static_assert(std::is_unsigned_v<T>);
    const std::string_view taken = Bytes(sizeof(T));
    T number = 0;
    for (size_t i = taken.size(); i-- > 0;) {
      number = static_cast<T>(T{number} << 8 | static_cast<unsigned char>(taken[i]));
    }
    return number;
  }

 private:
  std::string_view bytes_;
  bool is_ok_ = true;
};

}  // namespace permacache::archive

#endif  // PERMACACHE_ARCHIVE_BYTES_H_
