#include "permacache/archive/archive_writer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "permacache/storage/envelope.h"

namespace permacache::archive {
namespace {

using storage::EntryInfo;
using storage::Envelope;
using storage::EnvelopeBegin;
using storage::EnvelopeEnd;
using storage::FileFormat;

Envelope EnvelopeOf(const EntryInfo& entry) {
  return {.key = entry.key,
          .created = entry.created,
          .compute_time = entry.compute_time,
          .last_used = entry.created,
          .value_size = entry.value.size(),
          .stored = entry.value};
}

}  // namespace

absl::StatusOr<std::unique_ptr<ArchiveWriter>> ArchiveWriter::Make(Write write,
                                                                   size_t entries_per_index) {
  std::unique_ptr<ArchiveWriter> writer(new ArchiveWriter(std::move(write), entries_per_index));
  absl::StatusOr<std::unique_ptr<TarWriter>> tar = TarWriter::Make(writer->frames_);
  if (!tar.ok()) return tar.status();
  writer->tar_ = *std::move(tar);
  absl::Status status = writer->WriteMember(std::string(kTitleName), kTitle);
  if (status.ok()) status = writer->tar_->End();
  if (!status.ok()) return status;
  return writer;
}

absl::Status ArchiveWriter::Begin(const Section& section) {
  if (section.function.size() > kLongestName) {
    return absl::InvalidArgumentError(absl::StrCat("the name of a function has more than ",
                                                   kLongestName, " bytes: ", section.function));
  }
  if (absl::Status status = EndSection(); !status.ok()) return status;
  section_ = {.section = section, .indexes = {}};
  for (size_t format = 0; format < chunks_.size(); ++format) {
    chunks_[format].header = ToBytes(ChunkHeader{section, static_cast<FileFormat>(format)});
  }
  return absl::OkStatus();
}

absl::Status ArchiveWriter::Add(const EntryInfo& entry) {
  section_.entries += 1;
  section_.bytes += entry.key.size() + entry.value.size();
  Chunk& chunk = chunks_[static_cast<size_t>(entry.format)];
  const std::string& header = chunk.header;
  const IndexEntry place = {.digest = storage::DigestOfKey(entry.key),
                            .frame = 0,
                            .within_frame = static_cast<uint32_t>(header.size())};
  const size_t size = storage::kEnvelopeHeaderSize + entry.key.size() + entry.value.size() +
                      storage::kEnvelopeChecksumSize;
  if (size > kLargestChunk - header.size()) return AddLarge(entry, place);
  if (chunk.bytes.size() + size > kLargestChunk) {
    if (absl::Status status = WriteChunk(chunk); !status.ok()) return status;
  }
  if (chunk.bytes.empty()) chunk.bytes = header;
  chunk.entries.push_back(place);
  chunk.entries.back().within_frame = static_cast<uint32_t>(chunk.bytes.size());
  chunk.bytes += storage::SealEnvelope(EnvelopeOf(entry));
  return absl::OkStatus();
}

// As a member of its own, whose first frame holds its begin.
absl::Status ArchiveWriter::AddLarge(const EntryInfo& entry, const IndexEntry& place) {
  const Envelope envelope = EnvelopeOf(entry);
  const std::string& header = chunks_[static_cast<size_t>(entry.format)].header;
  const std::string begin = EnvelopeBegin(envelope), end = EnvelopeEnd(begin, envelope.stored);
  absl::Status status =
      tar_->Begin(NameOfRecords(section_.section, ++members_),
                  header.size() + begin.size() + envelope.stored.size() + end.size());
  index_.push_back(place);
  index_.back().frame = frames_.frame();
  index_.back().within_frame += static_cast<uint32_t>(frames_.offset_in_frame());
  for (const std::string_view piece : {std::string_view(header), std::string_view(begin),
                                       envelope.stored, std::string_view(end)}) {
    if (status.ok()) status = tar_->Append(piece);
  }
  if (status.ok()) status = tar_->End();
  return status.ok() && index_.size() >= entries_per_index_ ? WriteIndex() : status;
}

absl::Status ArchiveWriter::WriteMember(const std::string& name, std::string_view content) {
  absl::Status status = tar_->Begin(name, content.size());
  return status.ok() ? tar_->Append(content) : status;
}

absl::Status ArchiveWriter::WriteChunk(Chunk& chunk) {
  if (chunk.entries.empty()) return absl::OkStatus();
  absl::Status status =
      tar_->Begin(NameOfRecords(section_.section, ++members_), chunk.bytes.size());
  for (IndexEntry& entry : chunk.entries) {
    entry.frame = frames_.frame();
    entry.within_frame += static_cast<uint32_t>(frames_.offset_in_frame());
  }
  std::ranges::copy(chunk.entries, std::back_inserter(index_));
  if (status.ok()) status = tar_->Append(chunk.bytes);
  if (status.ok()) status = tar_->End();
  chunk.bytes.clear();
  chunk.entries.clear();
  return status.ok() && index_.size() >= entries_per_index_ ? WriteIndex() : status;
}

// Those of LMDB come in the order of their digests, so that a look-up needs one of several indexes.
absl::Status ArchiveWriter::WriteIndex() {
  if (index_.empty()) return absl::OkStatus();
  absl::Status status = frames_.Flush();
  if (!status.ok()) return status;
  for (IndexEntry& entry : index_) entry.frame = frames_.OffsetOf(entry.frame);
  std::ranges::sort(index_, {}, &IndexEntry::digest);
  status =
      tar_->Begin(NameOfIndex(section_.section, ++members_), index_.size() * IndexEntry::kSize);
  std::vector<IndexPage>& pages = section_.indexes.emplace_back();
  for (size_t begin = 0; begin < index_.size() && status.ok(); begin += kEntriesPerPage) {
    status = frames_.EndFrame();
    pages.push_back({.first = index_[begin].digest, .frame = frames_.frame()});
    std::string page;
    for (size_t i = begin; i < std::min(begin + kEntriesPerPage, index_.size()); ++i) {
      AppendTo(page, index_[i]);
    }
    if (status.ok()) status = tar_->Append(page);
  }
  index_.clear();
  // The last page shall hold no padding of tar.
  if (status.ok()) status = frames_.EndFrame();
  if (status.ok()) status = frames_.Flush();
  if (!status.ok()) return status;
  for (IndexPage& page : pages) page.frame = frames_.OffsetOf(page.frame);
  return tar_->End();
}

absl::Status ArchiveWriter::EndSection() {
  absl::Status status;
  for (Chunk& chunk : chunks_) {
    if (status.ok()) status = WriteChunk(chunk);
  }
  if (status.ok()) status = WriteIndex();
  if (status.ok() && section_.entries > 0) directory_.sections.push_back(std::move(section_));
  section_ = {};
  return status;
}

absl::Status ArchiveWriter::Finish() {
  absl::Status status = EndSection();
  if (status.ok()) status = tar_->Finish();
  if (status.ok()) status = frames_.Flush();
  if (!status.ok()) return status;
  directory_.frames_size = frames_.size();
  directory_.digest = frames_.Digest();
  const absl::StatusOr<std::string> end = ToBytes(directory_);
  return end.ok() ? write_(*end) : end.status();
}

}  // namespace permacache::archive
