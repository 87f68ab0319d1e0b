#include "permacache/storage/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

#include "permacache/storage/lmdb_store.h"
#include "permacache/storage/memory_store.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TemporaryDirectory;

void IgnoreProgress(int64_t, int64_t) {}

class VerifyTest : public ::testing::Test {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "a child that starts threads cannot be followed when its parent has some";
#endif
  }

  absl::StatusOr<Stores> Open() const {
    Stores stores;
    for (const uint32_t version : {1, 2}) {
      auto store =
          LmdbStore::Open({.environment = {.directory = directory_.path()}, .version = version});
      if (!store.ok()) return store.status();
      stores.push_back(*std::move(store));
    }
    return stores;
  }

  VerifyReport Verify() const {
    auto report = storage::Verify([this] { return Open(); }, IgnoreProgress);
    EXPECT_TRUE(report.ok()) << report.status();
    return *report;
  }

  // Two versions with small and large values.
  void Fill() const {
    const auto stores = Open();
    ASSERT_TRUE(stores.ok()) << stores.status();
    for (const auto& store : *stores) {
      for (int i = 0; i < 10; ++i) {
        const std::string value(i == 0 ? 5 << 20 : 100, 'v');
        ASSERT_TRUE(store->Put("key " + std::to_string(i), {.value = value}).ok());
      }
    }
  }

  const TemporaryDirectory directory_;
};

TEST_F(VerifyTest, FindsNothingInASoundStore) {
  Fill();
  const VerifyReport report = Verify();
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.entries, 20);
  EXPECT_GT(report.bytes, 10u << 20);
  EXPECT_THAT(report.problems, ElementsAre());
}

TEST_F(VerifyTest, TellsOfProgress) {
  Fill();
  int64_t last = 0;
  ASSERT_TRUE(storage::Verify([this] { return Open(); },
                              [&](int64_t done, int64_t total) {
                                EXPECT_GE(done, last);
                                EXPECT_EQ(total, 20);
                                last = done;
                              })
                  .ok());
  EXPECT_EQ(last, 20);
}

TEST_F(VerifyTest, FindsADamagedFileOfAValue) {
  Fill();
  const auto folder = directory_.path() / ValueFiles::kFolderName;
  const auto file = std::filesystem::directory_iterator(folder)->path();
  std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).seekp(1000) << 'x';
  VerifyReport report = Verify();
  EXPECT_EQ(report.damaged, 1);
  EXPECT_EQ(report.entries, 20);
  EXPECT_THAT(report.problems, ElementsAre(HasSubstr(file.string())));
  std::filesystem::remove(file);
  report = Verify();
  EXPECT_EQ(report.damaged, 1);
  EXPECT_THAT(report.problems, ElementsAre(HasSubstr("missing")));
  EXPECT_FALSE(report.ok());
}

TEST_F(VerifyTest, SaysWhenTheStoreCannotBeOpened) {
  std::ofstream(directory_.path() / "data.mdb") << std::string(10'000, 'x');
  const VerifyReport report = Verify();
  EXPECT_FALSE(report.finished);
  EXPECT_THAT(report.problems, ElementsAre(HasSubstr("data.mdb")));
}

TEST_F(VerifyTest, SurvivesAStoreThatEndsTheProcess) {
  class Deadly : public MemoryStore {
    absl::Status ForEach(Depth, absl::FunctionRef<Verdict(const EntryInfo&)>) override {
      raise(SIGKILL);
      return absl::OkStatus();
    }
  };
  const auto report = storage::Verify(
      []() -> absl::StatusOr<Stores> {
        Stores stores;
        stores.push_back(std::make_unique<Deadly>());
        return stores;
      },
      IgnoreProgress);
  ASSERT_TRUE(report.ok());
  EXPECT_FALSE(report->finished);
  EXPECT_FALSE(report->ok());
  EXPECT_THAT(report->problems, ElementsAre(HasSubstr("ended the process")));
}

TEST_F(VerifyTest, SaysWhatTheChildCouldNotBear) {
  class Throwing : public MemoryStore {
    absl::Status ForEach(Depth, absl::FunctionRef<Verdict(const EntryInfo&)>) override {
      throw std::runtime_error("no more memory");
    }
  };
  const auto report = storage::Verify(
      []() -> absl::StatusOr<Stores> {
        Stores stores;
        stores.push_back(std::make_unique<Throwing>());
        return stores;
      },
      IgnoreProgress);
  ASSERT_TRUE(report.ok());
  EXPECT_FALSE(report->finished);
  EXPECT_THAT(report->problems, ElementsAre(HasSubstr("no more memory")));
}

TEST_F(VerifyTest, EndsWhenProgressThrows) {
  Fill();
  EXPECT_THROW((void)storage::Verify([this] { return Open(); },
                                     [](int64_t, int64_t) { throw std::runtime_error("enough"); }),
               std::runtime_error);
}

}  // namespace
}  // namespace permacache::storage
