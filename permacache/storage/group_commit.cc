#include "permacache/storage/group_commit.h"

#include <exception>
#include <system_error>
#include <vector>

namespace permacache::storage {

void GroupCommit::Close() {
  StopWaiting();
  Flush().IgnoreError();  // who waited has been told
  if (writer_.joinable()) writer_.join();
}

void GroupCommit::Add(const Place& name, Entry entry) {
  // Becomes the earlier one, which goes when nobody waits for the mutex.
  auto added = std::make_shared<const Entry>(std::move(entry));
  std::unique_lock lock(mutex_);
  if (added->held != nullptr && ++waiting_held_ == kMostHeld) wake_.notify_all();
  std::shared_ptr<const Entry>& place = waiting_.entries[name];
  waiting_bytes_ += added->bytes.size();
  if (place != nullptr) waiting_bytes_ -= place->bytes.size();
  std::swap(place, added);
  CountThoseThereAre();
  AwaitWriter(lock);
}

void GroupCommit::NoteUse(const Place& name) {
  std::unique_lock lock(mutex_);
  waiting_.used.insert(name);
  AwaitWriter(lock);
}

// What waits is written soon, or at once if it must not wait.
void GroupCommit::AwaitWriter(std::unique_lock<std::mutex>& lock) {
  if (stops_waiting_ || waiting_bytes_ > kMostBytes) {
    lock.unlock();
    Commit().IgnoreError();
  } else if (!writer_runs_) {
    StartWriter(lock);
  }
}

// The last writer has ended but for its last instructions.
void GroupCommit::StartWriter(std::unique_lock<std::mutex>& lock) {
  if (writer_.joinable()) writer_.join();
  try {
    writer_ = std::thread([this] { RunWriter(); });
    writer_runs_ = true;
  } catch (const std::system_error&) {  // no more threads can be had
    lock.unlock();
    Commit().IgnoreError();
  }
}

void GroupCommit::RunWriter() {
  std::unique_lock lock(mutex_);
  while (!waiting_.empty()) {
    wake_.wait_for(lock, kLongestWait,
                   [this] { return stops_waiting_ || waiting_held_ >= kMostHeld; });
    lock.unlock();
    Commit().IgnoreError();
    lock.lock();
  }
  writer_runs_ = false;
}

bool GroupCommit::Find(const Place& name,
                       absl::FunctionRef<void(std::string_view bytes)> visit) const {
  if (empty()) return false;
  std::shared_ptr<const Entry> entry;
  {
    std::lock_guard lock(mutex_);
    for (const Batch* batch : {&waiting_, &writing_}) {  // the newer first
      const auto found = batch->entries.find(name);
      if (found == batch->entries.end()) continue;
      entry = found->second;
      break;
    }
  }
  if (entry == nullptr) return false;
  visit(entry->bytes);
  return true;
}

absl::Status GroupCommit::Commit() {
  Batch written;
  absl::Status status;
  {
    std::lock_guard commit_lock(commit_mutex_);
    {
      std::lock_guard lock(mutex_);
      if (waiting_.empty()) return absl::OkStatus();
      std::swap(writing_, waiting_);
      waiting_bytes_ = 0;
      waiting_held_ = 0;
    }
    status = Write();
    std::lock_guard lock(mutex_);
    // Entries can be found here until they can be found on the disk.
    written = std::exchange(writing_, {});
    CountThoseThereAre();
    if (!written.entries.empty()) lost_.Update(status);  // a use that is not noted is no loss
  }
  // Who is told may want to use the store.
  if (!status.ok()) TellOfLoss(written, status);
  return status;
}

// Nothing may leave the thread that writes.
absl::Status GroupCommit::Write() const {
  try {
    return write_(writing_);
  } catch (const std::exception& error) {
    return absl::ResourceExhaustedError(error.what());
  }
}

bool GroupCommit::IsIdle() const {
  std::lock_guard lock(mutex_);
  return waiting_.empty() && writing_.empty();
}

void GroupCommit::TellOfLoss(const Batch& batch, const absl::Status& status) {
  for (const auto& [name, entry] : batch.entries) {
    try {
      if (entry->on_lost) entry->on_lost(status);
    } catch (...) {
      // There is nobody else who could be told.
    }
  }
}

void GroupCommit::CountThoseThereAre() {
  entries_.store(waiting_.entries.size() + writing_.entries.size(), std::memory_order_release);
}

absl::Status GroupCommit::Flush() {
  Commit().IgnoreError();  // is in lost_
  std::lock_guard lock(mutex_);
  return std::exchange(lost_, absl::OkStatus());
}

absl::Status GroupCommit::Instead(absl::FunctionRef<bool(const Place&)> drop,
                                  absl::FunctionRef<absl::Status()> body) {
  std::vector<std::shared_ptr<const Entry>> dropped;  // whose files go when nobody waits for it
  std::lock_guard commit_lock(commit_mutex_);
  if (!empty()) {
    std::lock_guard lock(mutex_);
    std::erase_if(waiting_.entries, [&](const auto& waiting) {
      if (!drop(waiting.first)) return false;
      waiting_bytes_ -= waiting.second->bytes.size();
      if (waiting.second->held != nullptr) --waiting_held_;
      dropped.push_back(waiting.second);
      return true;
    });
    CountThoseThereAre();
  }
  return body();
}

void GroupCommit::StopWaiting() {
  std::lock_guard lock(mutex_);
  stops_waiting_ = true;
  wake_.notify_all();
}

}  // namespace permacache::storage
