// Whatever the store answers and the disk does, a call returns the function's result.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "permacache/memoize/failure_reporter.h"
#include "permacache/memoize/file_contents.h"
#include "permacache/memoize/memoize.h"
#include "permacache/memoize/out_file_cache.h"
#include "permacache/storage/lazy_store.h"
#include "permacache/storage/memory_store.h"
#include "permacache/testing/faulty_store.h"
#include "permacache/testing/system_calls.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

using namespace permacache::literals;
using memoize::FileContents;
using memoize::FunctionCache;
using storage::LazyStore;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using SharedStore = std::shared_ptr<storage::Store>;

std::shared_ptr<FaultyStore> NewStore() {
  return std::make_shared<FaultyStore>(std::make_shared<storage::MemoryStore>());
}

// Failures as they are told.
class Told {
 public:
  FailureHandler Handler() {
    return [this](const Failure& failure) {
      std::lock_guard lock(mutex_);
      kinds_.push_back(failure.kind);
    };
  }

  std::shared_ptr<memoize::FailureReporter> ReporterOf(const std::string& function) {
    return std::make_shared<memoize::FailureReporter>(function, Handler());
  }

  std::vector<Failure::Kind> kinds() const {
    std::lock_guard lock(mutex_);
    return kinds_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Failure::Kind> kinds_;
};

// A function "f" that keeps its results in the store that `open` gives, and the digests of files in
// another.
template <class Callable, class... Descriptions>
auto MemoizeIn(LazyStore::Open open, Told& told, SharedStore digests, Callable callable,
               Descriptions... parameters) {
  const auto open_digests = [digests]() -> absl::StatusOr<SharedStore> { return digests; };
  const std::shared_ptr<memoize::FailureReporter> reporter = told.ReporterOf("f");
  memoize::OpenedFunction opened = {
      .cache = std::make_unique<FunctionCache>("f", std::make_unique<LazyStore>(std::move(open)),
                                               reporter),
      .calls = nullptr,
      .files = std::make_shared<FileContents>(std::make_unique<FunctionCache>(
          "files", std::make_unique<LazyStore>(open_digests), told.ReporterOf("files"))),
      .out_files = nullptr,
      .key_format = KeyFormat::kNative,
      .encoding = Encoding::kBinary,
      .has_batch_options = false};
  opened.calls =
      std::make_unique<memoize::Calls>(*opened.cache, reporter, memoize::Calls::Options());
  return memoize::MakeCachedFunction(
      std::move(opened), std::move(callable), memoize::SignatureOf<Callable>(),
      std::make_index_sequence<sizeof...(parameters)>(), parameters...);
}

// A function that squares and counts how often it does.
class FaultsTest : public ::testing::Test {
 protected:
  auto Square(LazyStore::Open open) {
    return MemoizeIn(
        std::move(open), told_, NewStore(),
        [this](int x) {
          ++computed_;
          return x * x;
        },
        "x"_a);
  }
  auto Square() {
    return Square([this]() -> absl::StatusOr<SharedStore> { return store_; });
  }

  std::shared_ptr<FaultyStore> store_ = NewStore();
  Told told_;
  std::atomic<int> computed_ = 0;
};

TEST(FailureOf, TellsWhatUsersCanActOn) {
  const auto kind = [](const absl::Status& status) { return memoize::FailureOf(status).kind; };
  EXPECT_EQ(kind(absl::DataLossError("")), Failure::Kind::kDamaged);
  EXPECT_EQ(kind(absl::UnimplementedError("")), Failure::Kind::kNewer);
  EXPECT_EQ(kind(absl::ErrnoToStatus(ENOSPC, "")), Failure::Kind::kExhausted);
  EXPECT_EQ(kind(absl::ErrnoToStatus(EMFILE, "")), Failure::Kind::kExhausted);
  EXPECT_EQ(kind(absl::ErrnoToStatus(EACCES, "")), Failure::Kind::kNoPermission);
  EXPECT_EQ(kind(absl::ErrnoToStatus(ENOENT, "")), Failure::Kind::kNotFound);
  EXPECT_EQ(kind(absl::AbortedError("")), Failure::Kind::kChanged);
  EXPECT_EQ(kind(absl::ErrnoToStatus(EIO, "")), Failure::Kind::kOther);
}

class EachKindOfFailure : public FaultsTest, public ::testing::WithParamInterface<int> {
 protected:
  const absl::Status failure_{static_cast<absl::StatusCode>(GetParam()), "of the test"};
  const Failure::Kind kind_ = memoize::FailureOf(failure_).kind;
};

// All that there are but kOk.
INSTANTIATE_TEST_SUITE_P(Faults, EachKindOfFailure, ::testing::Range(1, 17), [](const auto& test) {
  return absl::StatusCodeToString(static_cast<absl::StatusCode>(test.param));
});

TEST_P(EachKindOfFailure, OfGetLetsCallsCompute) {
  const auto f = Square();
  EXPECT_EQ(f(3), 9);
  store_->Fail(StoreCall::kGet, failure_);
  EXPECT_EQ(f(3), 9);
  EXPECT_EQ(f(3), 9);
  EXPECT_FALSE(f.Contains(3));
  EXPECT_EQ(f.Lookup(3), std::nullopt);
  EXPECT_EQ(store_->hits(StoreCall::kGet), 4);
  EXPECT_EQ(computed_, 3);
  EXPECT_EQ(f.Stats().failures, 4);
  EXPECT_EQ(f.Stats().misses, 3);
  EXPECT_THAT(told_.kinds(), ElementsAre(kind_));

  store_->Fail(StoreCall::kGet, absl::OkStatus());
  EXPECT_EQ(f(3), 9);
  EXPECT_TRUE(f.Contains(3));
  EXPECT_EQ(computed_, 3);
}

TEST_P(EachKindOfFailure, OfPutCostsOnlyTheStoring) {
  const auto f = Square();
  store_->Fail(StoreCall::kPut, failure_, 2);
  for (int call = 0; call < 4; ++call) EXPECT_EQ(f(3), 9);
  EXPECT_EQ(store_->hits(StoreCall::kPut), 2);
  EXPECT_EQ(computed_, 3);
  EXPECT_EQ(f.Stats().failures, 2);
  EXPECT_EQ(f.Stats().hits, 1);
  EXPECT_THAT(told_.kinds(), ElementsAre(kind_));
}

TEST_P(EachKindOfFailure, OfWhatIsAskedForIsAnErrorThatSaysWhy) {
  const auto f = Square();
  f(3);
  for (const StoreCall call : {StoreCall::kErase, StoreCall::kClear, StoreCall::kSize}) {
    store_->Fail(call, failure_);
    try {
      if (call == StoreCall::kErase) f.Forget(3);
      if (call == StoreCall::kClear) f.Clear();
      if (call == StoreCall::kSize) f.Size();
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr(" f: "), HasSubstr("of the test")));
    }
    EXPECT_EQ(store_->hits(call), 1);
    store_->Fail(call, absl::OkStatus());
  }
  EXPECT_EQ(f.Size(), 1);
  EXPECT_TRUE(f.Forget(3));
  f.Clear();
}

TEST_P(EachKindOfFailure, OfOpeningLetsCallsComputeUntilItOpens) {
  absl::Status status = failure_;
  const auto f = Square([&]() -> absl::StatusOr<SharedStore> {
    if (!status.ok()) return status;
    return store_;
  });
  EXPECT_EQ(f(3), 9);
  EXPECT_EQ(f(3), 9);
  EXPECT_EQ(f.Stats().failures, 4);
  EXPECT_THAT(told_.kinds(), ElementsAre(kind_));
  EXPECT_THROW(f.Size(), Error);
  EXPECT_THROW(f.Forget(3), Error);
  EXPECT_THROW(f.Clear(), Error);

  status = absl::OkStatus();
  EXPECT_EQ(f.Size(), 0);  // tries at once
  EXPECT_EQ(f(3), 9);
  EXPECT_EQ(f(3), 9);
  EXPECT_EQ(computed_, 3);
}

TEST_F(FaultsTest, EachKindIsToldOnceAndEachFailureCounted) {
  const auto f = Square();
  store_->Fail(StoreCall::kGet, absl::DataLossError("damaged"));
  store_->Fail(StoreCall::kPut, absl::ResourceExhaustedError("full"));
  for (int x = 0; x < 10; ++x) EXPECT_EQ(f(x), x * x);
  store_->Fail(StoreCall::kGet, absl::ResourceExhaustedError("no memory"));
  for (int x = 0; x < 10; ++x) EXPECT_EQ(f(x), x * x);
  EXPECT_EQ(f.Stats().failures, 40);
  EXPECT_THAT(told_.kinds(), ElementsAre(Failure::Kind::kDamaged, Failure::Kind::kExhausted));
}

TEST_F(FaultsTest, AnExceptionWhileOpeningIsAFailure) {
  const auto f = Square([]() -> absl::StatusOr<SharedStore> { throw std::bad_alloc(); });
  EXPECT_EQ(f(3), 9);
  EXPECT_THAT(told_.kinds(), ElementsAre(Failure::Kind::kException));
}

TEST_F(FaultsTest, ThreadsGetTheirResultsAndTheFailureIsToldOnce) {
  const auto f = Square();
  store_->Fail(StoreCall::kGet, absl::UnknownError("a bad disk"));
  store_->Fail(StoreCall::kPut, absl::UnknownError("a bad disk"));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int x = 0; x < 100; ++x) EXPECT_EQ(f(x + t), (x + t) * (x + t));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(f.Stats().failures, 800);
  EXPECT_EQ(f.Stats().failures, store_->hits(StoreCall::kGet) + store_->hits(StoreCall::kPut));
  EXPECT_THAT(told_.kinds(), ElementsAre(Failure::Kind::kOther));
}

// Files are read when their digests cannot be remembered.
TEST_F(FaultsTest, OfTheDigestsOfFilesCostOnlyTheReading) {
  const TemporaryDirectory directory;
  const std::filesystem::path file = directory.path() / "file";
  std::ofstream(file) << "content";
  const std::shared_ptr<FaultyStore> digests = NewStore();
  digests->Fail(StoreCall::kGet, absl::DataLossError("damaged"));
  const auto f =
      MemoizeIn([this]() -> absl::StatusOr<SharedStore> { return store_; }, told_, digests,
                [this](const std::filesystem::path& path) {
                  ++computed_;
                  return std::filesystem::file_size(path);
                },
                "path"_a.FileContents());
  for (int call = 0; call < 3; ++call) EXPECT_EQ(f(file), 7u);
  EXPECT_EQ(computed_, 1);
  EXPECT_GT(digests->hits(StoreCall::kGet), 0);
  EXPECT_EQ(f.Stats().failures, 0);
  EXPECT_THAT(told_.kinds(), ElementsAre(Failure::Kind::kDamaged));
}

// A system call that fails below a cache on disk, and the kind of failure that calls see.
struct DiskFault {
  const char* name;
  Storage storage;
  SystemCall call;
  int error;
  Failure::Kind kind;
};

std::ostream& operator<<(std::ostream& out, const DiskFault& fault) { return out << fault.name; }

class EachDiskFault : public FaultsTest, public ::testing::WithParamInterface<DiskFault> {
 protected:
  auto SquareOnDisk(Durability durability) {
    const Cache cache({.directory = directory_.path(),
                       .storage = GetParam().storage,
                       .on_failure = told_.Handler()});
    return cache.Memoize({.name = "f", .durability = durability}, [this](int x) {
      ++computed_;
      return x * x;
    });
  }

  Fault fault() const { return {GetParam().call, GetParam().error, directory_.path().string()}; }

  TemporaryDirectory directory_;
};

INSTANTIATE_TEST_SUITE_P(
    Faults, EachDiskFault,
    ::testing::Values(DiskFault{"FullDisk", Storage::kDisk, SystemCall::kWrite, ENOSPC,
                                Failure::Kind::kExhausted},
                      DiskFault{"BadDisk", Storage::kDisk, SystemCall::kSync, EIO,
                                Failure::Kind::kOther},
                      DiskFault{"FullDiskOfFiles", Storage::kFiles, SystemCall::kWrite, ENOSPC,
                                Failure::Kind::kExhausted},
                      DiskFault{"BadDiskOfFiles", Storage::kFiles, SystemCall::kSync, EIO,
                                Failure::Kind::kOther}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_P(EachDiskFault, CostsOnlyTheStoring) {
  const auto f = SquareOnDisk(Durability::kSynced);
  EXPECT_EQ(f(2), 4);
  {
    const ScopedFault scoped(fault());
    EXPECT_EQ(f(3), 9);
    EXPECT_EQ(f(3), 9);
    EXPECT_EQ(f(2), 4);
    EXPECT_GE(scoped.hits(), 2);
  }
  EXPECT_EQ(computed_, 3);
  EXPECT_EQ(f.Stats().failures, 2);
  EXPECT_THAT(told_.kinds(), ElementsAre(GetParam().kind));
  EXPECT_EQ(f(3), 9);
  EXPECT_EQ(f(3), 9);
  EXPECT_EQ(computed_, 4);
  EXPECT_EQ(f.Size(), 2);
}

TEST_P(EachDiskFault, OfResultsThatWaitIsToldBySyncAll) {
  if (GetParam().storage == Storage::kFiles) GTEST_SKIP() << "there they do not wait";
  const auto f = SquareOnDisk(Durability::kGrouped);
  EXPECT_EQ(f(2), 4);
  SyncAll();
  {
    const ScopedFault scoped(fault());
    EXPECT_EQ(f(3), 9);
    EXPECT_THROW(SyncAll(), Error);
    EXPECT_GT(scoped.hits(), 0);
  }
  EXPECT_EQ(f.Stats().failures, 1);
  EXPECT_THAT(told_.kinds(), ElementsAre(GetParam().kind));
  EXPECT_EQ(f(3), 9);
  SyncAll();
  EXPECT_EQ(computed_, 3);
  EXPECT_EQ(f.Size(), 2);
}

TEST_F(FaultsTest, WithoutDescriptorsCallsComputeUntilThereAreSome) {
  const TemporaryDirectory directory;
  const auto f =
      Cache({.directory = directory.path(), .on_failure = told_.Handler()}).Memoize("f", [](int x) {
        return x * x;
      });
  {
    const ScopedFault fault({SystemCall::kOpen, EMFILE, directory.path().string()});
    EXPECT_EQ(f(3), 9);
    EXPECT_THROW(f.Size(), Error);
    EXPECT_GT(fault.hits(), 0);
  }
  EXPECT_THAT(told_.kinds(), ElementsAre(Failure::Kind::kExhausted));
  EXPECT_EQ(f.Size(), 0);  // tries at once
  EXPECT_EQ(f(3), 9);
  EXPECT_EQ(f.Size(), 1);
}

}  // namespace
}  // namespace permacache::testing
