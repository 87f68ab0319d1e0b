// What of an argument enters the key of a call: what a parameter's description says besides name
// and default.
//
// Each keying writes its argument as a member of the key, or leaves it out.
#ifndef PERMACACHE_MEMOIZE_KEYING_H_
#define PERMACACHE_MEMOIZE_KEYING_H_

#include <concepts>
#include <filesystem>
#include <functional>
#include <ranges>
#include <string_view>
#include <type_traits>
#include <utility>

#include "permacache/key/key.h"
#include "permacache/memoize/call_key.h"

namespace permacache::memoize {

// What most keyings are not.
struct PlainKeying {
  static constexpr bool kIsBatch = false;
  static constexpr bool kIsOutFile = false;
};

// The value itself.
struct WholeValue : PlainKeying {
  template <class V>
  void AppendMember(CallKeyWriter& key, std::string_view name, const V& value) const {
    key.Member(name, value);
  }
};

// What a function makes of the value. It may take the format of the key as a second argument.
template <class Function>
struct KeyFunction : PlainKeying {
  explicit constexpr KeyFunction(Function given) : function(std::move(given)) {}

  template <class V>
  void AppendMember(CallKeyWriter& key, std::string_view name, const V& value) const {
    constexpr bool kTakesFormat = std::is_invocable_v<const Function&, const V&, KeyFormat>;
    static_assert(kTakesFormat || std::is_invocable_v<const Function&, const V&>,
                  "permacache: the key function of a parameter cannot be called with a value of "
                  "the parameter's type");
    if constexpr (kTakesFormat) {
      Append(key, name, std::invoke(function, value, key.format()));
    } else if constexpr (std::is_invocable_v<const Function&, const V&>) {
      static_assert(!std::is_void_v<std::invoke_result_t<const Function&, const V&>>,
                    "permacache: the key function of a parameter returns nothing. Return what is "
                    "to stand in the key");
      Append(key, name, std::invoke(function, value));
    }
  }

  Function function;

 private:
  template <class Result>
  static void Append(CallKeyWriter& key, std::string_view name, const Result& result) {
    static_assert(!std::is_pointer_v<Result>,
                  "permacache: the key function of a parameter returns a raw pointer, which has no "
                  "stable key. Return the value itself, for a text std::string");
    if constexpr (!std::is_pointer_v<Result>) key.Member(name, result);
  }
};

// Nothing: the parameter does not matter for the result.
struct Ignored : PlainKeying {
  template <class V>
  void AppendMember(CallKeyWriter& key, std::string_view name, const V&) const {
    key.Member(name, nullptr);
  }
};

// Not even the name for the values that `drops` accepts; others as `Kept` says.
template <class Predicate, class Kept>
struct DroppedIf : PlainKeying {
  constexpr DroppedIf(Predicate predicate, Kept then)
      : drops(std::move(predicate)), kept(std::move(then)) {}

  template <class V>
  void AppendMember(CallKeyWriter& key, std::string_view name, const V& value) const {
    static_assert(std::is_invocable_r_v<bool, const Predicate&, const V&>,
                  "permacache: the predicate of DropIf cannot be called with a value of the "
                  "parameter's type, or does not return bool");
    if (!std::invoke(drops, value)) kept.AppendMember(key, name, value);
  }

  Predicate drops;
  Kept kept;
};

// The predicate of DropIfEqual.
template <class Given>
struct IsEqualTo {
  Given given;

  template <class V>
  bool operator()(const V& value) const {
    static_assert(std::is_convertible_v<const Given&, V> && std::equality_comparable<V>,
                  "permacache: the value of DropIfEqual cannot be compared with the parameter: it "
                  "must convert to the parameter's type, which must have ==");
    if constexpr (std::is_same_v<V, Given>) {
      return value == given;
    } else {
      return value == static_cast<V>(given);
    }
  }
};

template <class V>
concept NamesAFile = std::is_convertible_v<const V&, std::filesystem::path>;

template <class V>
concept NamesAFilePerhaps = key::kKind<V>
== key::Kind::kOptional&& NamesAFile<typename V::value_type>;

template <class V>
concept NamesFiles = std::ranges::range<const V> && NamesAFile<std::ranges::range_value_t<const V>>;

// The content of the file that the value names, or of each of the files.
struct ContentsOfFiles : PlainKeying {
  template <class V>
  void AppendMember(CallKeyWriter& key, std::string_view name, const V& value) const {
    static_assert(NamesAFile<V> || NamesAFilePerhaps<V> || NamesFiles<V>,
                  "permacache: a parameter with FileContents() must be the path of a file: a "
                  "std::filesystem::path or a std::string, or an optional or a range of these");
    if constexpr (NamesAFile<V>) {
      key.FileMember(name, value);
    } else if constexpr (NamesAFilePerhaps<V>) {
      if (value.has_value()) {
        key.FileMember(name, *value);
      } else {
        key.Member(name, nullptr);
      }
    } else if constexpr (NamesFiles<V>) {
      key.FilesMember(name, {std::ranges::begin(value), std::ranges::end(value)});
    }
  }
};

// Nothing at all: the path of a file that the function writes.
struct WrittenFile : PlainKeying {
  static constexpr bool kIsOutFile = true;

  template <class V>
  void AppendMember(CallKeyWriter&, std::string_view, const V&) const {
    static_assert(NamesAFile<V>,
                  "permacache: a parameter with OutFile() must be the path of a file: a "
                  "std::filesystem::path or a std::string");
  }
};

// Each element of a list by itself, as `Kept` says.
template <class Kept>
struct ElementByElement : PlainKeying {
  static constexpr bool kIsBatch = true;

  explicit constexpr ElementByElement(Kept each) : kept(std::move(each)) {}

  template <class V>
  void AppendMember(CallKeyWriter& key, std::string_view name, const V& element) const {
    kept.AppendMember(key, name, element);
  }

  Kept kept;
};

// What a description of a parameter offers: one of these, at most once. Derived has With(keying).
template <class Derived>
class Keyable {
 public:
  // What `function` makes of the value stands in the key: "mesh"_a.Key(&Mesh::name). It must be
  // pure, and different for values for which the result differs. StableHash and StringForm
  // (string_form.h) are such functions.
  template <class Function>
  constexpr auto Key(Function function) const {
    return self().With(KeyFunction<Function>(std::move(function)));
  }

  // The value does not matter for the result; `null` stands in the key.
  constexpr auto Ignore() const { return self().With(Ignored()); }

  // A call with a value for which `predicate` is true has the same key as one of a function without
  // this parameter: for a parameter that was added later. Other values are as they are, or what
  // `function` makes of them.
  template <class Predicate>
  constexpr auto DropIf(Predicate predicate) const {
    return self().With(DroppedIf<Predicate, WholeValue>(std::move(predicate), WholeValue()));
  }
  template <class Predicate, class Function>
  constexpr auto DropIf(Predicate predicate, Function function) const {
    using Kept = KeyFunction<Function>;
    return self().With(DroppedIf<Predicate, Kept>(std::move(predicate), Kept(std::move(function))));
  }

  // The same for the one value that the function had in mind before it had this parameter.
  template <class Given>
  constexpr auto DropIfEqual(Given given) const {
    return DropIf(IsEqualTo<Given>{std::move(given)});
  }
  template <class Given, class Function>
  constexpr auto DropIfEqual(Given given, Function function) const {
    return DropIf(IsEqualTo<Given>{std::move(given)}, std::move(function));
  }

  // The value is the path of a file, an optional one, or a range of paths; the files' contents are
  // the key, not their names. A content is read once and remembered by the file's device, inode,
  // size and times; a file that was changed within the last 2.5 seconds is read each time, as its
  // times may not tell another change. If a file changes while the function runs, the result is not
  // stored. If it cannot be read, the function is called without the cache; Key() throws Error
  // then. Not for files that another program writes through a shared memory mapping meanwhile: that
  // does not show in their times at once.
  constexpr auto FileContents() const { return self().With(ContentsOfFiles()); }

  // The value is the path of a file that the function writes. It is not part of the key: the file
  // is part of the result. A repeated call puts it at the path that it is given, whole or not at
  // all and with its permissions, unless just this content is there already; the cache keeps a copy
  // for that (or as FunctionOptions::out_files says). There may be several such parameters. A file
  // that a function has not written when it returns, or that changes meanwhile, is a failure, and
  // the result is not stored. Not together with Batch().
  constexpr auto OutFile() const { return self().With(WrittenFile()); }

  // The function takes many values at once, as a list or view, and returns a list with a result for
  // each. Each has a key and an entry of its own, as if the function took and returned one; what
  // was said before of the key holds for each: "texts"_a.Key(StableHash).Batch(). The function is
  // called with those that have no result yet, each once, and not at all if there are none. Several
  // such parameters advance together and must have equal lengths. Elements that another thread or
  // process computes at this time are waited for, in a chunk of up to 4,096; a larger one shares
  // only with a call that computes just the same elements.
  constexpr auto Batch() const { return self().WithBatch(); }

 private:
  constexpr const Derived& self() const { return static_cast<const Derived&>(*this); }
};

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_KEYING_H_
