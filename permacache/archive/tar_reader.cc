#include "permacache/archive/tar_reader.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cerrno>
#include <type_traits>

#include "absl/strings/str_cat.h"

namespace permacache::archive {
namespace {

static_assert(std::is_same_v<la_ssize_t, ptrdiff_t>);

// A block of zstd holds at most 128 KiB and takes at least 4 bytes. What states to be larger than
// the rest of the file could unpack to is refused before anything is done for it.
constexpr uint64_t kLargestExpansion = (128 << 10) / 4;

bool IsPlainFile(archive_entry* entry) {
  return archive_entry_filetype(entry) == AE_IFREG && archive_entry_hardlink(entry) == nullptr &&
         archive_entry_symlink(entry) == nullptr && archive_entry_sparse_count(entry) == 0 &&
         archive_entry_size_is_set(entry) && archive_entry_size(entry) >= 0 &&
         archive_entry_pathname(entry) != nullptr;
}

}  // namespace

TarReader::TarReader(const FrameFile& file, uint64_t end)
    : file_(file), end_(end), archive_(archive_read_new()) {}

TarReader::~TarReader() {
  if (archive_ != nullptr) archive_read_free(archive_);
}

absl::StatusOr<std::unique_ptr<TarReader>> TarReader::Make(const FrameFile& file, uint64_t end) {
  std::unique_ptr<TarReader> reader(new TarReader(file, end));
  struct ::archive* const archive = reader->archive_;
  if (archive == nullptr) return absl::ResourceExhaustedError("no memory for libarchive");
  for (const int outcome :
       {archive_read_support_format_tar(archive),
        archive_read_open(archive, reader.get(), nullptr, &TarReader::ReadFrame, nullptr)}) {
    if (outcome != ARCHIVE_OK) return reader->Trouble("it is no tar archive");
  }
  return reader;
}

ptrdiff_t TarReader::ReadFrame(struct ::archive* archive, void* data, const void** bytes) {
  auto& reader = *static_cast<TarReader*>(data);
  if (reader.offset_ == reader.end_) return 0;
  const absl::StatusOr<uint64_t> next =
      reader.file_.ReadFrame(reader.offset_, reader.end_, reader.frame_);
  if (!next.ok()) {
    reader.status_ = next.status();
    archive_set_error(archive, EIO, "a frame cannot be read");
    return -1;
  }
  reader.offset_ = *next;
  *bytes = reader.frame_.data();
  return static_cast<ptrdiff_t>(reader.frame_.size());
}

absl::StatusOr<std::optional<TarMember>> TarReader::Next() {
  archive_entry* entry = nullptr;
  block_ = {};
  member_offset_ = 0;
  const int outcome = archive_read_next_header(archive_, &entry);
  if (outcome == ARCHIVE_EOF) {
    if (!status_.ok() || offset_ != end_) return Trouble("there is more behind its end");
    return std::nullopt;
  }
  if (outcome != ARCHIVE_OK) return Trouble("its members cannot be read");
  if (!IsPlainFile(entry)) {
    const char* const name = archive_entry_pathname(entry);
    return absl::InvalidArgumentError(
        absl::StrCat(file_.path().string(), ": the member ", name == nullptr ? "" : name,
                     " is not a plain file, as all are that permacache exports"));
  }
  const auto size = static_cast<uint64_t>(archive_entry_size(entry));
  if (size / kLargestExpansion > end_ - offset_ + kLargestFrame) {
    return file_.DataLoss(absl::StrCat("a member states a size of ", size, " bytes"));
  }
  return TarMember{archive_entry_pathname(entry), size};
}

absl::Status TarReader::Read(uint64_t size,
                             absl::FunctionRef<absl::Status(std::string_view)> visit) {
  while (size > 0) {
    if (block_.empty()) {
      const void* bytes = nullptr;
      size_t got = 0;
      la_int64_t at = 0;
      const int outcome = archive_read_data_block(archive_, &bytes, &got, &at);
      if (outcome == ARCHIVE_EOF) return Trouble("a member is shorter than it states");
      if (outcome != ARCHIVE_OK) return Trouble("a member cannot be read");
      if (static_cast<uint64_t>(at) != member_offset_) return Trouble("a member has holes");
      block_ = {static_cast<const char*>(bytes), got};
      member_offset_ += got;
      continue;
    }
    const std::string_view piece = block_.substr(0, std::min<uint64_t>(size, block_.size()));
    block_.remove_prefix(piece.size());
    size -= piece.size();
    if (absl::Status status = visit(piece); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// The frames' own trouble says more than what libarchive makes of it.
absl::Status TarReader::Trouble(std::string_view doing) const {
  if (!status_.ok()) return status_;
  const char* const text = archive_error_string(archive_);
  return file_.DataLoss(
      absl::StrCat(std::string(doing), text == nullptr ? "" : ": ", text == nullptr ? "" : text));
}

}  // namespace permacache::archive
