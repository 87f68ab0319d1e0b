// The name of a type, as its author wrote it.
//
// TypeName<a::b::Image<float>>() is "Image": without namespaces, enclosing classes and
// template arguments, which compilers spell differently. The name is the same with every
// compiler and on every machine, so it may stand in keys and fingerprints.
#ifndef PERMACACHE_REFLECTION_TYPE_NAME_H_
#define PERMACACHE_REFLECTION_TYPE_NAME_H_

#include <algorithm>
#include <string>
#include <string_view>

namespace permacache::reflection {
namespace internal {

constexpr bool IsIdentifierChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// The identifier at the end of `text`, or nothing if it does not end with one.
constexpr std::string_view LastIdentifier(std::string_view text) {
  size_t begin = text.size();
  while (begin > 0 && IsIdentifierChar(text[begin - 1])) --begin;
  return text.substr(begin);
}

// `text` without the template arguments at its end.
constexpr std::string_view WithoutTemplateArguments(std::string_view text) {
  if (!text.ends_with('>')) return text;
  int depth = 0;
  for (size_t i = text.size(); i > 0; --i) {
    if (text[i - 1] == '>') ++depth;
    if (text[i - 1] == '<' && --depth == 0) return text.substr(0, i - 1);
  }
  return {};
}

// What stands for T in a compiler's rendering of a function template:
// "... [with T = X; other = Y]" by g++, "... [T = X]" by clang.
constexpr std::string_view TemplateArgument(std::string_view function) {
  constexpr std::string_view kMark = "T = ";
  const size_t begin = function.find(kMark, function.find('[')) + kMark.size();
  int depth = 0;
  for (size_t i = begin; i < function.size(); ++i) {
    const char c = function[i];
    if (c == '<' || c == '(' || c == '{' || c == '[') ++depth;
    if (depth == 0 && (c == ';' || c == ']')) return function.substr(begin, i - begin);
    if (c == '>' || c == ')' || c == '}' || c == ']') --depth;
  }
  return {};
}

template <class T>
constexpr std::string_view SpelledType() {
  return TemplateArgument(__PRETTY_FUNCTION__);
}

}  // namespace internal

// Empty for a type without a name, such as a lambda's.
template <class T>
constexpr std::string_view TypeName() {
  return internal::LastIdentifier(internal::WithoutTemplateArguments(internal::SpelledType<T>()));
}

// Whether T is a class template with arguments: Image<float>, but not Image<float>::Row.
template <class T>
inline constexpr bool kIsMadeFromTemplate = internal::SpelledType<T>().ends_with('>');

// What the compiler spells from the first template argument on, without spaces: "<float,3>" for
// Image<float, 3>, "<float>::Row" for Image<float>::Row. Empty where there is none. Compilers agree
// on most types, not on all.
template <class T>
std::string TemplateArgumentsOf() {
  constexpr std::string_view kType = internal::SpelledType<T>();
  std::string arguments(kType.substr(std::min(kType.find('<'), kType.size())));
  std::erase(arguments, ' ');
  return arguments;
}

}  // namespace permacache::reflection

#endif  // PERMACACHE_REFLECTION_TYPE_NAME_H_
