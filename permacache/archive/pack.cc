#include "permacache/archive/pack.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "permacache/storage/envelope.h"

namespace permacache::archive {

absl::StatusOr<std::shared_ptr<const Pack>> Pack::Open(const std::filesystem::path& path) {
  absl::StatusOr<FrameFile> file = FrameFile::Open(path);
  if (!file.ok()) return file.status();
  absl::StatusOr<Directory> directory = ReadDirectory(*file);
  if (!directory.ok()) return directory.status();
  return std::shared_ptr<const Pack>(new Pack(*std::move(file), *std::move(directory)));
}

// Results of a function that were stored in LMDB and in files are looked up alike.
Pack::Pack(FrameFile file, Directory directory)
    : file_(std::move(file)), frames_size_(directory.frames_size) {
  for (DirectorySection& listed : directory.sections) {
    listed.section.in_files = false;
    const auto same = std::ranges::find(sections_, listed.section, [](auto& s) { return s.first; });
    if (same == sections_.end()) {
      sections_.emplace_back(std::move(listed.section), std::move(listed.indexes));
    } else {
      std::ranges::move(listed.indexes, std::back_inserter(same->second));
    }
  }
}

const Pack::Indexes* Pack::Find(std::string_view function, uint32_t version) const {
  const auto found = std::ranges::find_if(sections_, [&](const auto& section) {
    return section.first.function == function && section.first.version == version;
  });
  return found == sections_.end() ? nullptr : &found->second;
}

absl::StatusOr<bool> Pack::Get(const Indexes& indexes, std::string_view key,
                               absl::FunctionRef<void(const storage::Record&)> visit) const {
  const KeyDigest digest = storage::DigestOfKey(key);
  for (const std::vector<IndexPage>& pages : indexes) {
    const absl::StatusOr<std::optional<IndexEntry>> entry = FindEntry(pages, digest);
    if (!entry.ok()) return entry.status();
    if (!*entry) continue;
    const absl::StatusOr<bool> visited = VisitAt(**entry, key, visit);
    if (!visited.ok() || *visited) return visited;
  }
  return false;
}

absl::StatusOr<std::optional<IndexEntry>> Pack::FindEntry(const std::vector<IndexPage>& pages,
                                                          const KeyDigest& digest) const {
  const auto after = std::ranges::upper_bound(pages, digest, {}, &IndexPage::first);
  if (after == pages.begin()) return std::nullopt;
  const absl::StatusOr<std::shared_ptr<const Frame>> frame =
      FrameAt(recent_pages_, (after - 1)->frame);
  if (!frame.ok()) return frame.status();
  const std::string_view page = (*frame)->content;
  size_t begin = 0, end = page.size() / IndexEntry::kSize;
  while (begin < end) {
    const size_t middle = begin + (end - begin) / 2;
    const IndexEntry entry = IndexEntryAt(page, middle);
    if (entry.digest == digest) return entry;
    if (entry.digest < digest) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return std::nullopt;
}

// A record begins in one frame and may go on in those that follow. Of what it states about its size
// no more is believed than they show.
absl::StatusOr<bool> Pack::VisitAt(const IndexEntry& entry, std::string_view key,
                                   absl::FunctionRef<void(const storage::Record&)> visit) const {
  absl::StatusOr<std::shared_ptr<const Frame>> frame = FrameAt(recent_records_, entry.frame);
  if (!frame.ok()) return frame.status();
  const std::string_view content = (*frame)->content;
  if (entry.within_frame >= content.size()) return file_.DataLoss("its index leads nowhere");
  std::string_view bytes = content.substr(entry.within_frame);
  const absl::StatusOr<uint64_t> size = storage::StatedEnvelopeSize(bytes);
  if (!size.ok()) return file_.DataLoss(std::string(size.status().message()));
  std::string joined;
  if (*size > bytes.size()) {
    joined = bytes;
    std::string next;
    for (uint64_t at = (*frame)->next; joined.size() < *size;) {
      const absl::StatusOr<uint64_t> end = file_.ReadFrame(at, frames_size_, next);
      if (!end.ok()) return end.status();
      joined += next;
      at = *end;
    }
    bytes = joined;
  }
  const absl::StatusOr<bool> visited = storage::OpenEnvelope(bytes.substr(0, *size), key, visit);
  if (!visited.ok()) return file_.DataLoss(std::string(visited.status().message()));
  return visited;
}

// Where the mutex cannot be had at once the frame is read again: one that another thread held when
// this process was forked will never be free.
template <size_t kSlots>
absl::StatusOr<std::shared_ptr<const Pack::Frame>> Pack::FrameAt(Recent<kSlots>& recent,
                                                                 uint64_t offset) const {
  auto& slot = recent.slots[offset % kSlots];
  if (const std::unique_lock lock(recent.mutex, std::try_to_lock); lock.owns_lock()) {
    if (slot.first == offset && slot.second != nullptr) return slot.second;
  }
  auto frame = std::make_shared<Frame>();
  const absl::StatusOr<uint64_t> next = file_.ReadFrame(offset, frames_size_, frame->content);
  if (!next.ok()) return next.status();
  frame->next = *next;
  if (const std::unique_lock lock(recent.mutex, std::try_to_lock); lock.owns_lock()) {
    slot = {offset, frame};
  }
  return frame;
}

}  // namespace permacache::archive
