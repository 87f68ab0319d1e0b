// Objects and lists of JSON while they are written.
#ifndef PERMACACHE_KEY_OBJECT_TEXT_H_
#define PERMACACHE_KEY_OBJECT_TEXT_H_

#include <ranges>
#include <string>
#include <string_view>

#include "permacache/key/format.h"
#include "permacache/key/scalar_text.h"

namespace permacache::key {

// Appends the text of `value`. Defined in value_text.h, which knows every kind of type.
template <class T>
void AppendValue(Output& out, const T& value);

// Writes an object. The names must come in ascending order of their bytes.
class ObjectText {
 public:
  explicit ObjectText(Output& out) : out_(out) { out_.text += '{'; }

  // Appends the name; its value's text must follow.
  void Name(std::string_view name) {
    if (!empty_) out_.text += ", ";
    empty_ = false;
    AppendString(out_.text, name);
    out_.text += ": ";
  }

  template <class T>
  void Member(std::string_view name, const T& value) {
    Name(name);
    AppendValue(out_, value);
  }

  void End() { out_.text += '}'; }

 private:
  Output& out_;
  bool empty_ = true;
};

// Writes a list.
class ListText {
 public:
  explicit ListText(Output& out) : out_(out) { out_.text += '['; }

  // The text of an element must follow.
  void Next() {
    if (!empty_) out_.text += ", ";
    empty_ = false;
  }

  template <class T>
  void Element(const T& value) {
    Next();
    AppendValue(out_, value);
  }

  void End() { out_.text += ']'; }

 private:
  Output& out_;
  bool empty_ = true;
};

// The elements of a range, in their order.
template <class Range>
void AppendList(Output& out, Range&& range) {
  ListText list(out);
  for (auto&& element : range) {
    // Named, as a range may hand out proxies: std::vector<bool> does.
    list.Element<std::ranges::range_value_t<Range>>(element);
  }
  list.End();
}

}  // namespace permacache::key

#endif  // PERMACACHE_KEY_OBJECT_TEXT_H_
