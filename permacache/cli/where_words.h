// The words of a predicate; see where.h.
#ifndef PERMACACHE_CLI_WHERE_WORDS_H_
#define PERMACACHE_CLI_WHERE_WORDS_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace permacache::cli {

struct Word {
  enum class Kind {
    kEnd,
    kWrong,  // `problem` says why
    kName,
    kConstant,  // true, false, null
    kNumber,    // as in JSON
    kString,
    kEqual,
    kUnequal,
    kLess,
    kLessOrEqual,
    kGreater,
    kGreaterOrEqual,
    kContains,
    kAnd,
    kOr,
    kNot,
    kOpen,
    kClose,
    kOpenBracket,
    kCloseBracket,
    kDot,
  };

  Kind kind = Kind::kEnd;
  std::string_view text = {};  // as it stands there
  size_t begin = 0;            // where
  std::string value = {};      // of a string
  std::string problem = {};
};

bool IsComparison(Word::Kind kind);

// Reads them from the left. An object belongs to one thread at a time.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text) { Advance(); }  // which must outlive it

  const Word& next() const { return next_; }
  void Advance();

 private:
  Word ReadSign() const;
  Word ReadName() const;
  Word ReadNumber() const;
  Word ReadString() const;
  Word Make(Word::Kind kind, size_t size) const;
  Word Wrong(size_t size, std::string problem) const;

  const std::string_view text_;
  size_t place_ = 0;
  Word next_;
};

}  // namespace permacache::cli

#endif  // PERMACACHE_CLI_WHERE_WORDS_H_
