#include "tests/archive/hostile_file.h"

#include <archive.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "permacache/archive/frames.h"
#include "permacache/storage/envelope.h"
#include "tests/archive/cache_content.h"
#include "zstd.h"

namespace permacache::testing {
namespace {

la_ssize_t AppendToString(struct ::archive*, void* string, const void* bytes, size_t size) {
  static_cast<std::string*>(string)->append(static_cast<const char*>(bytes), size);
  return static_cast<la_ssize_t>(size);
}

// Changes the size that the header says with which the archive ends, and makes its checksum right.
void StateSize(std::string& tar, int64_t size) {
  constexpr size_t kHeader = 512, kSize = 124, kChecksum = 148;
  if (tar.size() < kHeader) return;
  char* const header = tar.data() + tar.size() - kHeader;
  header[kSize] = '\x80';  // as a number, the big end first
  for (int i = 0; i < 11; ++i) {
    header[kSize + 1 + i] = i < 3 ? '\0' : static_cast<char>(size >> (8 * (10 - i)));
  }
  std::memset(header + kChecksum, ' ', 8);
  unsigned sum = 0;
  for (size_t i = 0; i < kHeader; ++i) sum += static_cast<unsigned char>(header[i]);
  std::snprintf(header + kChecksum, 8, "%06o", sum);
}

void Check(bool is_right) {
  if (!is_right) std::abort();
}

}  // namespace

std::string TarOf(const std::vector<TarFile>& members) {
  std::string tar;
  const std::unique_ptr<struct ::archive, int (*)(struct ::archive*)> writer(archive_write_new(),
                                                                             archive_write_free);
  Check(archive_write_set_format_pax_restricted(writer.get()) == ARCHIVE_OK);
  archive_write_set_bytes_per_block(writer.get(), 0);
  Check(archive_write_open(writer.get(), &tar, nullptr, AppendToString, nullptr) == ARCHIVE_OK);
  for (const TarFile& member : members) {
    const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(),
                                                                         archive_entry_free);
    archive_entry_set_pathname(entry.get(), member.name.c_str());
    archive_entry_set_filetype(entry.get(), member.type);
    archive_entry_set_perm(entry.get(), 0600);
    archive_entry_set_size(entry.get(), static_cast<int64_t>(member.content.size()));
    if (member.type == AE_IFLNK) archive_entry_set_symlink(entry.get(), "/etc/passwd");
    if (!member.hard_link.empty()) {
      archive_entry_set_hardlink(entry.get(), member.hard_link.c_str());
    }
    Check(archive_write_header(writer.get(), entry.get()) >= ARCHIVE_WARN);
    if (member.stated_size) StateSize(tar, *member.stated_size);
    archive_write_data(writer.get(), member.content.data(), member.content.size());
  }
  Check(archive_write_close(writer.get()) == ARCHIVE_OK);
  return tar;
}

std::string ChunkOf(const archive::Section& section, storage::FileFormat format) {
  return ToBytes(archive::ChunkHeader{section, format});
}

std::string RecordOf(std::string_view key, std::string_view value) {
  return storage::SealEnvelope({.key = key, .value_size = value.size(), .stored = value});
}

// Without the threads that an export has: a fuzzer has no time for them.
std::string FramesOf(std::string_view bytes) {
  static ZSTD_CCtx* const context = ZSTD_createCCtx();
  std::string frames, frame(ZSTD_compressBound(archive::kLargestFrame), '\0');
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), archive::kLargestFrame))) {
    const std::string_view part = bytes.substr(0, archive::kLargestFrame);
    const size_t size =
        ZSTD_compressCCtx(context, frame.data(), frame.size(), part.data(), part.size(), 1);
    Check(!ZSTD_isError(size));
    frames += frame.substr(0, size);
  }
  return frames;
}

std::string FileOfTar(std::string_view tar, int64_t entries) {
  archive::Directory directory;
  directory.sections.push_back({.section = {}, .entries = static_cast<uint64_t>(entries)});
  return WithEnd(FramesOf(tar), directory);
}

}  // namespace permacache::testing
