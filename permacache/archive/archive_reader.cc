#include "permacache/archive/archive_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "permacache/storage/envelope.h"

namespace permacache::archive {
namespace {

constexpr uint64_t kMostInMemory = uint64_t{8} << 20;

// How long the envelope is that begins here.
absl::StatusOr<uint64_t> EnvelopeSize(std::string_view begin, uint64_t most) {
  if (begin.size() < storage::kEnvelopeHeaderSize) {
    return absl::DataLossError("a record is shorter than its header");
  }
  const absl::StatusOr<uint64_t> size = storage::StatedEnvelopeSize(begin);
  if (size.ok() && *size > most) {
    return absl::DataLossError(
        absl::StrCat("a record states a size of ", *size, " bytes where there are ", most));
  }
  return size;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ArchiveReader>> ArchiveReader::Make(
    const FrameFile& file, const Directory& directory, std::filesystem::path spool_folder) {
  std::unique_ptr<ArchiveReader> reader(
      new ArchiveReader(file, directory, std::move(spool_folder)));
  absl::StatusOr<std::unique_ptr<TarReader>> tar = TarReader::Make(file, directory.frames_size);
  if (!tar.ok()) return tar.status();
  reader->tar_ = *std::move(tar);
  if (absl::Status status = reader->CheckTitle(); !status.ok()) return status;
  return reader;
}

absl::Status ArchiveReader::CheckTitle() {
  const absl::StatusOr<std::optional<TarMember>> member = tar_->Next();
  if (!member.ok()) return member.status();
  if (!*member || (*member)->name != kTitleName || (*member)->size != kTitle.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        file_.path().string(), " is not an exported file of permacache: it does not begin so"));
  }
  const absl::StatusOr<std::string> title = ReadString(kTitle.size());
  if (!title.ok()) return title.status();
  return *title == kTitle ? absl::OkStatus() : file_.DataLoss("its first member is another one");
}

absl::StatusOr<std::string> ArchiveReader::ReadString(uint64_t size) {
  std::string bytes;
  const absl::Status status = tar_->Read(size, [&](std::string_view piece) {
    bytes += piece;
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return bytes;
}

absl::StatusOr<std::optional<Chunk>> ArchiveReader::Next() {
  for (;;) {
    const absl::StatusOr<std::optional<TarMember>> member = tar_->Next();
    if (!member.ok()) return member.status();
    if (!*member) {
      if (absl::Status status = CheckEnd(); !status.ok()) return status;
      return std::nullopt;
    }
    ++members_;
    // Whoever reads all records needs no index.
    if (members_ > 1 && (*member)->name == NameOfIndex(section_, members_)) continue;
    absl::StatusOr<Chunk> chunk = ReadChunk(**member);
    if (!chunk.ok()) return Annotate(chunk.status());
    return std::optional<Chunk>(*std::move(chunk));
  }
}

absl::StatusOr<Chunk> ArchiveReader::ReadChunk(const TarMember& member) {
  absl::StatusOr<std::string> begin = ReadString(std::min<uint64_t>(member.size, kLargestFrame));
  if (!begin.ok()) return begin.status();
  size_t header_size = 0;
  absl::StatusOr<ChunkHeader> header = ParseChunkHeader(*begin, &header_size);
  // A member that is none of ours is told by its name.
  if (!header.ok() && !member.name.starts_with("results/")) {
    return absl::InvalidArgumentError(
        absl::StrCat("the member ", member.name, " is none of those that permacache exports"));
  }
  if (!header.ok()) return header.status();
  if (member.name != NameOfRecords(header->section, members_)) {
    return absl::InvalidArgumentError(absl::StrCat("the member ", member.name, " should be ",
                                                   NameOfRecords(header->section, members_)));
  }
  section_ = header->section;
  Chunk chunk;
  chunk.header = *std::move(header);
  chunk.size = member.size;
  std::string_view envelopes;
  if (member.size > kLargestFrame) {
    const absl::StatusOr<std::string_view> large =
        ReadLarge(member, header_size, *std::move(begin), chunk);
    if (!large.ok()) return large.status();
    envelopes = *large;
  } else {
    chunk.in_memory = std::make_unique<const std::string>(*std::move(begin));
    envelopes = std::string_view(*chunk.in_memory).substr(header_size);
  }
  while (!envelopes.empty()) {
    const absl::StatusOr<uint64_t> size = EnvelopeSize(envelopes, envelopes.size());
    if (!size.ok()) return size.status();
    if (absl::Status status = AddRecord(envelopes.substr(0, *size), chunk); !status.ok()) {
      return status;
    }
    envelopes.remove_prefix(*size);
  }
  entries_ += chunk.records.size();
  return chunk;
}

// The rest of a record that takes all of a member.
absl::StatusOr<std::string_view> ArchiveReader::ReadLarge(const TarMember& member,
                                                          size_t header_size, std::string begin,
                                                          Chunk& chunk) {
  begin.erase(0, header_size);
  const uint64_t size = member.size - header_size;
  const absl::StatusOr<uint64_t> stated = EnvelopeSize(begin, size);
  if (!stated.ok()) return stated.status();
  if (*stated != size) return absl::DataLossError("a large member has more than one record");
  const uint64_t rest = size - begin.size();
  if (size <= kMostInMemory) {
    begin.reserve(size);
    absl::Status status = tar_->Read(rest, [&](std::string_view piece) {
      begin += piece;
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    chunk.in_memory = std::make_unique<const std::string>(std::move(begin));
    return *chunk.in_memory;
  }
  absl::StatusOr<std::unique_ptr<Spool>> spool = Spool::Make(spool_folder_);
  if (!spool.ok()) return spool.status();
  chunk.in_file = *std::move(spool);
  absl::Status status = chunk.in_file->Append(begin);
  if (status.ok()) {
    status = tar_->Read(rest, [&](std::string_view piece) { return chunk.in_file->Append(piece); });
  }
  if (!status.ok()) return status;
  return chunk.in_file->Map();
}

absl::Status ArchiveReader::AddRecord(std::string_view bytes, Chunk& chunk) {
  const absl::StatusOr<storage::Envelope> envelope = storage::ParseEnvelope(bytes);
  if (!envelope.ok()) return envelope.status();
  if (envelope->in_file || envelope->compression != storage::Compression::kNone ||
      envelope->value_size != envelope->stored.size()) {
    return absl::DataLossError("a record is packed in a way that no export packs it");
  }
  chunk.records.push_back({.key = envelope->key,
                           .record = {.value = envelope->stored,
                                      .created = envelope->created,
                                      .compute_time = envelope->compute_time}});
  return absl::OkStatus();
}

absl::Status ArchiveReader::CheckEnd() const {
  if (entries_ == directory_.entries()) return absl::OkStatus();
  return file_.DataLoss(
      absl::StrCat("it has ", entries_, " records, and says ", directory_.entries()));
}

absl::Status ArchiveReader::Annotate(const absl::Status& status) const {
  const std::string path = file_.path().string();
  if (status.message().find(path) != std::string_view::npos) return status;
  return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
}

}  // namespace permacache::archive
