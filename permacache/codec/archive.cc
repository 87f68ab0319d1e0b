#include "permacache/codec/archive.h"

#include <charconv>
#include <locale>
#include <sstream>
#include <system_error>

namespace permacache::codec {
namespace {

template <class T>
bool Parse(std::string_view text, T& number) {
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error != std::errc::result_out_of_range) return error == std::errc() && end == last;
  std::istringstream stream{std::string(text)};  // as libstdc++ says of subnormal numbers, too
  stream.imbue(std::locale::classic());
  return stream >> number && stream.peek() == std::istringstream::traits_type::eof();
}

}  // namespace

bool ParseDecimal(std::string_view text, float& number) { return Parse(text, number); }
bool ParseDecimal(std::string_view text, double& number) { return Parse(text, number); }
bool ParseDecimal(std::string_view text, long double& number) { return Parse(text, number); }

Encoder::Encoder(std::string* bytes) : OutputArchive(this), bytes_(bytes) {}
Encoder::~Encoder() = default;

Decoder::Decoder(std::string_view bytes) : TypedPointers(this), rest_(bytes) {}
Decoder::~Decoder() = default;

}  // namespace permacache::codec
