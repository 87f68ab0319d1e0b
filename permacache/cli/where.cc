#include "permacache/cli/where.h"

#include <algorithm>
#include <compare>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "permacache/cli/arguments.h"
#include "permacache/cli/where_words.h"

namespace permacache::cli {

using Json = nlohmann::json;

const char kWhereHelp[] = R"(A predicate selects entries by the arguments of their calls:

  x == 2                          the argument x is 2
  x >= 2 && y.label ~ "wing"      and the member label of y contains "wing"
  !(size[0] < 10 || verbose)      neither the first element of size is less than 10 nor verbose true
  ["odd name"].n != null          a name that is no word stands in brackets, as a string

Operators, those that bind closest first:
  !                               not
  == != < <= > >=                 numbers by what they are, strings by their bytes; == and != for all
  ~                               contains: a string a part, a list an element, an object a member
  &&                              and
  ||                              or

Values are numbers, "strings" or 'strings', true, false and null. What stands alone is true if it is
there and neither false nor null. A comparison with what is not there is false, != too. Integers beyond
64 bits are compared as floating-point numbers; NaN is null, an infinity the largest number there is.
)";

// A tree; its leaves are operands.
struct Where::Node {
  struct Step {
    std::string name = {};             // of a member
    std::optional<size_t> index = {};  // of an element, then there is no name
  };
  enum class Kind { kValue, kPath, kNot, kAnd, kOr, kCompare };

  Kind kind;
  Json value = {};              // of kValue
  std::vector<Step> path = {};  // of kPath
  Word::Kind operation = {};    // of kCompare
  std::vector<Node> parts = {};
};

namespace {

using Node = Where::Node;

// So that neither reading nor asking needs much stack.
constexpr int kDeepest = 100;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), words_(text) {}

  absl::StatusOr<Node> Run() {
    Node node = Or();
    if (Next().kind != Word::Kind::kEnd) Expect("an operator, such as == or &&");
    if (trouble_.empty()) return node;
    return absl::InvalidArgumentError(trouble_);
  }

 private:
  const Word& Next() const { return words_.next(); }
  bool Is(Word::Kind kind) const { return trouble_.empty() && Next().kind == kind; }

  bool Take(Word::Kind kind) {
    if (!Is(kind)) return false;
    words_.Advance();
    return true;
  }

  // Only the first trouble counts.
  void Expect(std::string_view what) {
    if (!trouble_.empty()) return;
    const Word& word = Next();
    const std::string found = word.kind == Word::Kind::kEnd ? "the end"
                              : word.problem.empty()        ? std::string(word.text)
                                                            : word.problem;
    trouble_ =
        absl::StrCat("column ", word.begin + 1, ": expected ", std::string(what), ", found ", found,
                     "\n    ", std::string(text_), "\n    ", std::string(word.begin, ' '), "^");
  }

  Node Or() {
    return Chain(Word::Kind::kOr, Node::Kind::kOr, [this] { return And(); });
  }
  Node And() {
    return Chain(Word::Kind::kAnd, Node::Kind::kAnd, [this] { return Not(); });
  }

  template <class Part>
  Node Chain(Word::Kind word, Node::Kind kind, Part part) {
    Node first = part();
    if (!Is(word)) return first;
    Node chain{.kind = kind};
    chain.parts.push_back(std::move(first));
    while (Take(word)) chain.parts.push_back(part());
    return chain;
  }

  Node Not() {
    if (depth_ == kDeepest) Expect(absl::StrCat("no more than ", kDeepest, " levels"));
    ++depth_;
    Node node{.kind = Node::Kind::kNot};
    if (Take(Word::Kind::kNot)) {
      node.parts.push_back(Not());
    } else if (Take(Word::Kind::kOpen)) {
      node = Or();
      if (!Take(Word::Kind::kClose)) Expect("a closing parenthesis");
    } else {
      node = Comparison();
    }
    --depth_;
    return node;
  }

  Node Comparison() {
    Node left = Operand();
    if (!trouble_.empty() || !IsComparison(Next().kind)) return left;
    Node node{.kind = Node::Kind::kCompare, .operation = Next().kind};
    words_.Advance();
    node.parts.push_back(std::move(left));
    node.parts.push_back(Operand());
    return node;
  }

  Node Operand() {
    Node node{.kind = Node::Kind::kValue};
    if (Is(Word::Kind::kName) || Is(Word::Kind::kOpenBracket)) return Path();
    if (Is(Word::Kind::kNumber) || Is(Word::Kind::kConstant)) {
      node.value = Json::parse(Next().text, nullptr, false);
    } else if (Is(Word::Kind::kString)) {
      node.value = Next().value;
    } else {
      Expect("the name of an argument or a value: a number, a \"string\", true, false or null");
      return node;
    }
    words_.Advance();
    return node;
  }

  Node Path() {
    Node node{.kind = Node::Kind::kPath};
    if (Is(Word::Kind::kName)) {
      TakeName(node);
    } else if (Take(Word::Kind::kOpenBracket)) {
      TakeBracket(node, false);
    }
    while (trouble_.empty()) {
      if (Take(Word::Kind::kDot)) {
        TakeName(node);
      } else if (Take(Word::Kind::kOpenBracket)) {
        TakeBracket(node, true);
      } else {
        break;
      }
    }
    return node;
  }

  // true, false and null may be members, too.
  void TakeName(Node& node) {
    if (!Is(Word::Kind::kName) && !Is(Word::Kind::kConstant)) return Expect("a name");
    node.path.push_back({.name = std::string(Next().text)});
    words_.Advance();
  }

  void TakeBracket(Node& node, bool may_be_index) {
    size_t index = 0;
    if (Is(Word::Kind::kString)) {
      node.path.push_back({.name = Next().value});
    } else if (may_be_index && Is(Word::Kind::kNumber) &&
               absl::SimpleAtoi(std::string(Next().text), &index)) {
      node.path.push_back({.index = index});
    } else {
      return Expect(may_be_index ? "an index or a \"name\"" : "a \"name\"");
    }
    words_.Advance();
    if (!Take(Word::Kind::kCloseBracket)) Expect("a closing bracket");
  }

  const std::string_view text_;
  Words words_;
  int depth_ = 0;
  std::string trouble_;
};

// Null where there is no such member.
const Json* Find(const Json& key, const std::vector<Node::Step>& path) {
  const Json* place = &key;
  for (const Node::Step& step : path) {
    if (step.index) {
      if (!place->is_array() || *step.index >= place->size()) return nullptr;
      place = &(*place)[*step.index];
    } else {
      const auto found = place->is_object() ? place->find(step.name) : place->end();
      if (found == place->end()) return nullptr;
      place = &*found;
    }
  }
  return place;
}

// Every integer of 64 bits is one of these.
long double NumberOf(const Json& value) {
  if (value.is_number_unsigned()) return static_cast<long double>(value.get<uint64_t>());
  if (value.is_number_integer()) return static_cast<long double>(value.get<int64_t>());
  return value.get<double>();
}

bool AreEqual(const Json& left, const Json& right) {
  if (left.is_number() && right.is_number()) return NumberOf(left) == NumberOf(right);
  return left == right;
}

std::partial_ordering Order(const Json& left, const Json& right) {
  if (left.is_number() && right.is_number()) return NumberOf(left) <=> NumberOf(right);
  if (!left.is_string() || !right.is_string()) return std::partial_ordering::unordered;
  return left.get_ref<const std::string&>() <=> right.get_ref<const std::string&>();
}

bool Contains(const Json& whole, const Json& part) {
  if (whole.is_array()) {
    return std::ranges::any_of(whole, [&](const Json& each) { return AreEqual(each, part); });
  }
  if (!part.is_string()) return false;
  const auto& text = part.get_ref<const std::string&>();
  if (whole.is_object()) return whole.contains(text);
  return whole.is_string() && whole.get_ref<const std::string&>().find(text) != std::string::npos;
}

bool Compare(const Json& left, Word::Kind operation, const Json& right) {
  switch (operation) {
    case Word::Kind::kEqual:
      return AreEqual(left, right);
    case Word::Kind::kUnequal:
      return !AreEqual(left, right);
    case Word::Kind::kLess:
      return Order(left, right) < 0;
    case Word::Kind::kLessOrEqual:
      return Order(left, right) <= 0;
    case Word::Kind::kGreater:
      return Order(left, right) > 0;
    case Word::Kind::kGreaterOrEqual:
      return Order(left, right) >= 0;
    default:
      return Contains(left, right);
  }
}

const Json* ValueOf(const Node& node, const Json& key) {
  return node.kind == Node::Kind::kPath ? Find(key, node.path) : &node.value;
}

bool IsTrue(const Node& node, const Json& key) {
  const auto is_true = [&](const Node& part) { return IsTrue(part, key); };
  switch (node.kind) {
    case Node::Kind::kNot:
      return !is_true(node.parts[0]);
    case Node::Kind::kAnd:
      return std::ranges::all_of(node.parts, is_true);
    case Node::Kind::kOr:
      return std::ranges::any_of(node.parts, is_true);
    case Node::Kind::kCompare: {
      const Json* left = ValueOf(node.parts[0], key);
      const Json* right = ValueOf(node.parts[1], key);
      return left != nullptr && right != nullptr && Compare(*left, node.operation, *right);
    }
    default: {
      const Json* value = ValueOf(node, key);
      return value != nullptr && !value->is_null() && *value != false;
    }
  }
}

}  // namespace

absl::StatusOr<Where> Where::Parse(std::string_view text) {
  absl::StatusOr<Node> root = Parser(text).Run();
  if (!root.ok()) return root.status();
  return Where(std::make_shared<const Node>(*std::move(root)));
}

bool Where::Matches(std::string_view key) const {
  const std::optional<Json> arguments = ArgumentsIn(key);
  return arguments && IsTrue(*root_, *arguments);
}

}  // namespace permacache::cli
