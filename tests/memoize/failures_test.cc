// What goes wrong with a cache: calls go on, wrong options are told, nothing wrong is returned.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "permacache/memoize/memoize.h"
#include "permacache/storage/storage.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

int Twice(int x) { return 2 * x; }

std::string ErrorOfName(const std::string& name) {
  const TemporaryDirectory directory;
  try {
    auto f = Cache({.directory = directory.path()}).Memoize(name, Twice);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(FunctionName, ThatCannotBeAFolderIsRefusedWithAReason) {
  EXPECT_THAT(ErrorOfName(""), HasSubstr("is empty"));
  EXPECT_THAT(ErrorOfName(".."), AllOf(HasSubstr("\"..\""), HasSubstr("leaves its place")));
  EXPECT_THAT(ErrorOfName("a/../b"), HasSubstr("leaves its place"));
  EXPECT_THAT(ErrorOfName("a/.."), HasSubstr("leaves its place"));
  EXPECT_THAT(ErrorOfName("./a"), HasSubstr("leaves its place"));
  EXPECT_THAT(ErrorOfName("/etc"), HasSubstr("empty part"));
  EXPECT_THAT(ErrorOfName("a//b"), HasSubstr("empty part"));
  EXPECT_THAT(ErrorOfName("a/"), HasSubstr("empty part"));
  EXPECT_THAT(ErrorOfName(std::string("a\0b", 3)), HasSubstr("control character"));
  EXPECT_THAT(ErrorOfName("a\nb"), HasSubstr("control character"));
  EXPECT_THAT(ErrorOfName(std::string(256, 'a')), HasSubstr("255 bytes"));
  EXPECT_THAT(ErrorOfName("a/data.mdb"), HasSubstr("LMDB"));
}

TEST(FunctionName, MayHoldWhatFoldersMayHold) {
  for (const char* name : {"f", "a/b/c", "...", "..a", "a b", "größe", "C:\\x", "f(int)", "*"}) {
    EXPECT_EQ(ErrorOfName(name), "");
    const TemporaryDirectory directory;
    auto f = Cache({.directory = directory.path()}).Memoize(name, Twice);
    EXPECT_EQ(f(2), 4);
    EXPECT_EQ(f.Size(), 1);
  }
}

TEST(Directory, AFileInItsPlaceIsAnErrorThatNamesIt) {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "file";
  std::ofstream(file) << "precious";
  for (const auto& [cache, name] :
       {std::pair(file, "f"), std::pair(file / "below", "f"), std::pair(directory.path(), "file"),
        std::pair(directory.path(), "file/f")}) {
    try {
      auto f = Cache({.directory = cache}).Memoize(name, Twice);
      ADD_FAILURE() << cache << " " << name;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr(file.string()), HasSubstr("not a directory")));
    }
  }
  std::string content;
  std::getline(std::ifstream(file) >> std::ws, content);
  EXPECT_EQ(content, "precious");
}

TEST(Directory, IsFoundByTheEnvironment) {
  EXPECT_EQ(RunProcesses(1,
                         [](int) {
                           setenv("PERMACACHE_DIR", "/somewhere/one", 1);
                           setenv("XDG_CACHE_HOME", "/somewhere/two", 1);
                           setenv("HOME", "/somewhere/three", 1);
                           if (Cache().directory() != "/somewhere/one") return 1;
                           unsetenv("PERMACACHE_DIR");
                           if (Cache().directory() != "/somewhere/two/permacache") return 2;
                           setenv("XDG_CACHE_HOME", "not/absolute", 1);
                           if (Cache().directory() != "/somewhere/three/.cache/permacache")
                             return 3;
                           setenv("PERMACACHE_DIR", "relative", 1);
                           if (Cache().directory() != std::filesystem::current_path() / "relative")
                             return 4;
                           return 0;
                         }),
            0);
}

// A function whose failures are kept.
struct Observed {
  explicit Observed(const std::filesystem::path& directory)
      : function(Cache({.directory = directory,
                        .on_failure = [this](const Failure& f) { failures.push_back(f); }})
                     .Memoize({.name = "f", .durability = Durability::kSynced}, Twice)) {}

  std::vector<Failure> failures;
  decltype(Cache().Memoize("f", Twice)) function;
};

TEST(Directory, ThatCannotBeWrittenLetsCallsCompute) {
  const TemporaryDirectory directory;
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0555));
  EXPECT_EQ(RunProcesses(1,
                         [&](int) {
                           if (!DropPrivileges()) return 100;
                           Observed f(directory.path());
                           for (int i = 0; i < 3; ++i) {
                             if (f.function(21) != 42) return 1;
                           }
                           if (f.function.Contains(21)) return 2;
                           if (f.function.Lookup(21)) return 3;
                           if (f.failures.size() != 1) return 4;
                           if (f.failures[0].function != "f") return 5;
                           if (f.failures[0].kind != Failure::Kind::kNoPermission) return 6;
                           if (f.function.Stats().failures < 3) return 7;
                           if (f.function.Stats().misses != 3) return 8;
                           try {
                             f.function.Clear();
                             return 9;
                           } catch (const Error&) {
                           }
                           return 0;
                         }),
            0);
}

TEST(Directory, ThatIsReadOnlyStillServesHits) {
  const TemporaryDirectory directory;
  EXPECT_EQ(Observed(directory.path()).function(1), 2);
  std::filesystem::permissions(directory.path() / "f" / "data.mdb", std::filesystem::perms(0444));
  EXPECT_EQ(RunProcesses(1,
                         [&](int) {
                           if (!DropPrivileges()) return 100;
                           Observed f(directory.path());
                           if (f.function(1) != 2 || f.function.Stats().hits != 1) return 1;
                           if (!f.failures.empty()) return 2;
                           if (f.function(2) != 4 || f.failures.size() != 1) return 3;
                           return 0;
                         }),
            0);
}

TEST(DataFile, ThatIsDamagedLetsCallsCompute) {
  for (const std::string& bytes : {std::string(5000, 'x'), std::string("short")}) {
    const TemporaryDirectory directory;
    EXPECT_EQ(Observed(directory.path()).function(1), 2);
    std::filesystem::remove(directory.path() / "f" / "data.mdb");
    std::ofstream(directory.path() / "f" / "data.mdb") << bytes;
    Observed f(directory.path());
    EXPECT_EQ(f.function(1), 2);
    EXPECT_EQ(f.function(1), 2);
    ASSERT_EQ(f.failures.size(), size_t{1});
    EXPECT_EQ(f.failures[0].kind, Failure::Kind::kDamaged);
    EXPECT_THAT(f.failures[0].message, HasSubstr((directory.path() / "f" / "data.mdb").string()));
    EXPECT_THROW(f.function.Forget(1), Error);
  }
}

TEST(DataFile, ThatIsTruncatedLetsCallsCompute) {
  const TemporaryDirectory directory;
  {
    Observed f(directory.path());
    for (int i = 0; i < 200; ++i) f.function(i);
  }
  const auto file = directory.path() / "f" / "data.mdb";
  std::string bytes(std::filesystem::file_size(file) / 2, '\0');
  std::ifstream(file, std::ios::binary)
      .read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  std::filesystem::remove(file);
  std::ofstream(file, std::ios::binary) << bytes;
  Observed f(directory.path());
  for (int i = 0; i < 200; ++i) EXPECT_EQ(f.function(i), 2 * i);
  EXPECT_EQ(f.failures.size(), size_t{1});
}

TEST(Record, ThatIsDamagedIsReportedComputedAndReplaced) {
  const TemporaryDirectory directory;
  Observed f(directory.path());
  f.function(1);
  auto store =
      storage::LmdbStore::Open({.environment = {.directory = directory.path() / "f"}}).value();
  // Of the right type, but cut: what the envelope protects was wrong from the start.
  const std::string value = codec::Encode(7);
  ASSERT_TRUE(store->Put(f.function.Key(1), {.value = value.substr(0, value.size() - 1)}).ok());
  EXPECT_EQ(f.function(1), 2);
  ASSERT_EQ(f.failures.size(), size_t{1});
  EXPECT_EQ(f.failures[0].kind, Failure::Kind::kDamaged);
  EXPECT_EQ(f.function(1), 2);
  EXPECT_EQ(f.function.Stats().hits, 1);
}

TEST(Cache, ThatIsDeletedWhileInUseIsMadeAnew) {
  const TemporaryDirectory directory;
  Observed f(directory.path());
  f.function(1);
  std::filesystem::remove_all(directory.path() / "f");
  EXPECT_EQ(f.function(2), 4);
  EXPECT_EQ(f.function(1), 2);
  EXPECT_EQ(f.function.Stats().hits, 0);
  EXPECT_TRUE(f.failures.empty());
  EXPECT_EQ(RunProcesses(1, [&](int) { return Observed(directory.path()).function.Size() != 2; }),
            0);
}

TEST(DataFile, ThatIsTruncatedWhileInUseLetsCallsCompute) {
  const TemporaryDirectory directory;
  Observed f(directory.path());
  for (int i = 0; i < 200; ++i) f.function(i);
  std::filesystem::resize_file(directory.path() / "f" / "data.mdb", 3 * 4096);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(f.function(i), 2 * i);
  EXPECT_EQ(f.failures.size(), size_t{1});
  EXPECT_EQ(f.failures[0].kind, Failure::Kind::kDamaged) << f.failures[0].message;
}

TEST(Error, OfAnOperationSaysWhereAndWhyEachTime) {
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory.path() / "f");
  std::ofstream(directory.path() / "f" / "data.mdb") << "rubbish";
  Observed f(directory.path());
  f.function(1);
  for (int i = 0; i < 2; ++i) {
    try {
      f.function.Clear();
      ADD_FAILURE() << "cleared";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr("data.mdb"), HasSubstr("meta pages")));
    }
  }
}

TEST(FailureHandler, MayThrowWithoutHarm) {
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory.path() / "f");
  std::ofstream(directory.path() / "f" / "data.mdb") << "rubbish";
  auto f = Cache({.directory = directory.path(),
                  .on_failure = [](const Failure&) { throw std::runtime_error("no"); }})
               .Memoize("f", Twice);
  EXPECT_EQ(f(1), 2);
  EXPECT_EQ(f.Stats().failures, 2);  // the look-up and the storing
}

TEST(FailureHandler, IsByDefaultALineOnStderrPerKind) {
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory.path() / "f");
  std::ofstream(directory.path() / "f" / "data.mdb") << "rubbish";
  auto f = Cache({.directory = directory.path()}).Memoize("f", Twice);
  ::testing::internal::CaptureStderr();
  f(1), f(2), f(3);
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(text, AllOf(HasSubstr("permacache: f: "), HasSubstr("data.mdb")));
  EXPECT_EQ(text.find("data.mdb"), text.rfind("data.mdb"));
}

struct CannotBeWritten {
  int number = 0;
  template <class Archive>
  void save(Archive&) const {
    if (number == 4) throw 7;
    throw std::runtime_error("cannot be written");
  }
  template <class Archive>
  void load(Archive&) {}
};

TEST(Result, WhoseEncodingThrowsIsReturnedAllTheSame) {
  const TemporaryDirectory directory;
  std::vector<Failure> failures;
  auto f = Cache({.directory = directory.path(),
                  .on_failure = [&](const Failure& f) { failures.push_back(f); }})
               .Memoize("f", [](int x) {
                 CannotBeWritten result;
                 result.number = x;
                 return result;
               });
  EXPECT_EQ(f(3).number, 3);
  ASSERT_EQ(failures.size(), size_t{1});
  EXPECT_THAT(failures[0].message, HasSubstr("cannot be written"));
  EXPECT_EQ(f(4).number, 4);
}

}  // namespace
}  // namespace permacache::testing
