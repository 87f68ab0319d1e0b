#include "tests/archive/hostile_file.h"

#include <archive.h>

#include <cstdlib>
#include <memory>

#include "permacache/archive/frames.h"
#include "permacache/storage/envelope.h"
#include "tests/archive/cache_content.h"

namespace permacache::testing {
namespace {

la_ssize_t AppendToString(struct ::archive*, void* string, const void* bytes, size_t size) {
  static_cast<std::string*>(string)->append(static_cast<const char*>(bytes), size);
  return static_cast<la_ssize_t>(size);
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
    archive_entry_set_size(
        entry.get(), member.stated_size.value_or(static_cast<int64_t>(member.content.size())));
    if (member.type == AE_IFLNK) archive_entry_set_symlink(entry.get(), "/etc/passwd");
    if (!member.hard_link.empty()) {
      archive_entry_set_hardlink(entry.get(), member.hard_link.c_str());
    }
    Check(archive_write_header(writer.get(), entry.get()) >= ARCHIVE_WARN);
    archive_write_data(writer.get(), member.content.data(), member.content.size());
    // What is stated beyond the content is not made up for.
    if (member.stated_size) {
      archive_write_fail(writer.get());
      return tar;
    }
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

std::string FramesOf(std::string_view bytes) {
  std::string frames;
  archive::FrameWriter writer([&](std::string_view frame) {
    frames += frame;
    return absl::OkStatus();
  });
  Check(writer.Append(bytes).ok() && writer.EndFrame().ok() && writer.Flush().ok());
  return frames;
}

std::string FileOfTar(std::string_view tar, int64_t entries) {
  archive::Directory directory;
  directory.sections.push_back({.section = {}, .entries = static_cast<uint64_t>(entries)});
  return WithEnd(FramesOf(tar), directory);
}

}  // namespace permacache::testing
