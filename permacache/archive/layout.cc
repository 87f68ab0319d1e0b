#include "permacache/archive/layout.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "permacache/archive/bytes.h"
#include "xxhash.h"

namespace permacache::archive {
namespace {

constexpr std::string_view kChunkMagic = "PmAr";
constexpr uint8_t kVersion = 1;

// Where a record begins in its frame takes so many bits of a number; the rest is the frame's
// offset.
constexpr int kFrameBits = 17;
static_assert(size_t{1} << kFrameBits == kLargestFrame);

constexpr uint32_t kSkippableFrame = 0x184d2a5c;
constexpr std::string_view kEndMagic = "PmAe";
constexpr size_t kSkippableHeaderSize = 8;
constexpr size_t kFooterSize = 8 + 8 + 16 + 8 + 4 + 4;

// Of the directory, which is kept in memory: enough for a thousand million entries.
constexpr uint64_t kLargestDirectory = uint64_t{16} << 20;

constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd";

uint64_t Checksum(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

KeyDigest TakeDigest(ByteReader& reader) {
  KeyDigest digest = {};
  const std::string_view bytes = reader.Bytes(digest.size());
  std::memcpy(digest.data(), bytes.data(), bytes.size());
  return digest;
}

void AppendSection(std::string& bytes, const Section& section) {
  AppendNumber<uint32_t>(bytes, section.version);
  AppendNumber<uint8_t>(bytes, section.in_files ? 1 : 0);
  AppendNumber<uint32_t>(bytes, section.function.size());
  bytes += section.function;
}

// Whether there is a possible one.
bool TakeSection(ByteReader& reader, Section& section) {
  section.version = reader.Number<uint32_t>();
  const auto storage = reader.Number<uint8_t>();
  section.in_files = storage == 1;
  const auto name_size = reader.Number<uint32_t>();
  if (storage > 1 || name_size > kLongestName) return false;
  section.function = reader.Bytes(name_size);
  return reader.ok();
}

bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("/._=,+-").find(c) != std::string_view::npos;
}

// In letters that every tar and file system takes.
std::string FolderOf(const Section& section) {
  std::string folder = "results/";
  for (const char c : section.function) {
    if (IsPlain(c)) {
      folder += c;
    } else {
      absl::StrAppend(&folder, "%", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    }
  }
  return absl::StrCat(folder, "/v", section.version, section.in_files ? "-files/" : "/");
}

std::string Eight(uint64_t number) { return absl::StrCat(absl::Dec(number, absl::kZeroPad8)); }

void AppendSection(std::string& bytes, const DirectorySection& section) {
  AppendSection(bytes, section.section);
  AppendNumber<uint64_t>(bytes, section.entries);
  AppendNumber<uint64_t>(bytes, section.bytes);
  AppendNumber<uint32_t>(bytes, section.indexes.size());
  for (const std::vector<IndexPage>& pages : section.indexes) {
    AppendNumber<uint32_t>(bytes, pages.size());
    for (const IndexPage& page : pages) {
      bytes += storage::BytesOf(page.first);
      AppendNumber<uint64_t>(bytes, page.frame);
    }
  }
}

bool TakeSection(ByteReader& reader, DirectorySection& section) {
  if (!TakeSection(reader, section.section)) return false;
  section.entries = reader.Number<uint64_t>();
  section.bytes = reader.Number<uint64_t>();
  for (auto indexes = reader.Number<uint32_t>(); indexes > 0 && reader.ok(); --indexes) {
    auto count = reader.Number<uint32_t>();
    if (count == 0) return false;
    std::vector<IndexPage>& pages = section.indexes.emplace_back();
    for (; count > 0 && reader.ok(); --count) {
      const KeyDigest first = TakeDigest(reader);
      pages.push_back({.first = first, .frame = reader.Number<uint64_t>()});
    }
  }
  return reader.ok();
}

}  // namespace

std::string ToBytes(const ChunkHeader& header) {
  std::string bytes(kChunkMagic);
  AppendNumber<uint8_t>(bytes, kVersion);
  AppendNumber<uint8_t>(bytes, static_cast<uint8_t>(header.format));
  AppendSection(bytes, header.section);
  AppendNumber<uint64_t>(bytes, Checksum(bytes));
  return bytes;
}

absl::StatusOr<ChunkHeader> ParseChunkHeader(std::string_view bytes, size_t* size) {
  ByteReader reader(bytes);
  if (reader.Bytes(kChunkMagic.size()) != kChunkMagic) {
    return absl::DataLossError("a member with records has a wrong magic number");
  }
  if (const auto version = reader.Number<uint8_t>(); version > kVersion) {
    return absl::UnimplementedError("it was written by a newer permacache");
  }
  ChunkHeader header;
  const auto format = reader.Number<uint8_t>();
  header.format = static_cast<storage::FileFormat>(format);
  const bool is_sound = TakeSection(reader, header.section);
  *size = bytes.size() - reader.rest().size();
  if (!is_sound || format > static_cast<uint8_t>(storage::FileFormat::kJson) ||
      reader.Number<uint64_t>() != Checksum(bytes.substr(0, *size)) || !reader.ok()) {
    return absl::DataLossError("the header of a member with records is damaged");
  }
  *size += sizeof(uint64_t);
  return header;
}

std::string NameOfRecords(const Section& section, uint64_t number) {
  return FolderOf(section) + Eight(number) + ".records";
}

std::string NameOfIndex(const Section& section, uint64_t number) {
  return FolderOf(section) + Eight(number) + ".index";
}

void AppendTo(std::string& bytes, const IndexEntry& entry) {
  bytes += storage::BytesOf(entry.digest);
  AppendNumber<uint64_t>(bytes, entry.frame << kFrameBits | entry.within_frame);
}

IndexEntry IndexEntryAt(std::string_view page, size_t index) {
  ByteReader reader(page.substr(index * IndexEntry::kSize, IndexEntry::kSize));
  const KeyDigest digest = TakeDigest(reader);
  const auto place = reader.Number<uint64_t>();
  return {.digest = digest,
          .frame = place >> kFrameBits,
          .within_frame = static_cast<uint32_t>(place & (kLargestFrame - 1))};
}

uint64_t Directory::entries() const {
  uint64_t entries = 0;
  for (const DirectorySection& section : sections) entries += section.entries;
  return entries;
}

absl::StatusOr<std::string> ToBytes(const Directory& directory) {
  std::string content;
  AppendNumber<uint32_t>(content, directory.sections.size());
  for (const DirectorySection& section : directory.sections) AppendSection(content, section);
  if (content.size() > kLargestDirectory) {
    return absl::ResourceExhaustedError("there are too many entries, or functions, for one file");
  }
  const size_t size = content.size();
  AppendNumber<uint64_t>(content, size);
  AppendNumber<uint64_t>(content, directory.frames_size);
  content += storage::BytesOf(directory.digest);
  AppendNumber<uint64_t>(content, Checksum(content));
  AppendNumber<uint32_t>(content, kVersion);
  content += kEndMagic;
  std::string bytes;
  AppendNumber<uint32_t>(bytes, kSkippableFrame);
  AppendNumber<uint32_t>(bytes, content.size());
  return bytes + content;
}

absl::StatusOr<Directory> ReadDirectory(const FrameFile& file) {
  std::string footer;
  const bool has_footer = file.size() >= kSkippableHeaderSize + kFooterSize &&
                          file.Read(file.size() - kFooterSize, kFooterSize, footer).ok() &&
                          footer.ends_with(kEndMagic);
  if (!has_footer) {
    std::string begin;
    if (file.Read(0, kZstdMagic.size(), begin).ok() && begin == kZstdMagic) {
      return file.DataLoss(
          "it does not end as an exported file does. Was it copied only in part, or compressed by "
          "another program?");
    }
    return absl::InvalidArgumentError(
        absl::StrCat(file.path().string(), " is not an exported file of permacache"));
  }
  ByteReader end(footer);
  Directory directory;
  const auto size = end.Number<uint64_t>();
  directory.frames_size = end.Number<uint64_t>();
  directory.digest = TakeDigest(end);
  const auto checksum = end.Number<uint64_t>();
  const auto version = end.Number<uint32_t>();
  if (version > kVersion) {
    return absl::UnimplementedError(absl::StrCat(file.path().string(), " has version ", version,
                                                 ", written by a newer permacache; this one knows ",
                                                 kVersion));
  }
  const uint64_t room = file.size() - kSkippableHeaderSize - kFooterSize;
  if (version == 0 || size > kLargestDirectory || size > room ||
      directory.frames_size != room - size) {
    return file.DataLoss("its end states what is not possible");
  }
  std::string bytes;
  absl::Status status =
      file.Read(directory.frames_size, file.size() - directory.frames_size, bytes);
  if (!status.ok()) return status;
  ByteReader reader(bytes);
  const bool is_frame = reader.Number<uint32_t>() == kSkippableFrame &&
                        reader.Number<uint32_t>() == bytes.size() - kSkippableHeaderSize;
  constexpr size_t kAfterChecksum = 8 + 4 + 4;
  const std::string_view content = reader.rest();
  if (!is_frame || Checksum(content.substr(0, content.size() - kAfterChecksum)) != checksum) {
    return file.DataLoss("the checksum of its end is wrong");
  }
  ByteReader sections(content.substr(0, size));
  bool is_sound = true;
  for (auto count = sections.Number<uint32_t>(); count > 0 && is_sound; --count) {
    is_sound = TakeSection(sections, directory.sections.emplace_back());
  }
  if (!is_sound || !sections.rest().empty()) {
    return file.DataLoss("its end does not say what it should");
  }
  return directory;
}

}  // namespace permacache::archive
