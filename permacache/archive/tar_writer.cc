#include "permacache/archive/tar_writer.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"

namespace permacache::archive {
namespace {

// All that libarchive is told of whoever takes what it writes.
struct Sink {
  FrameWriter& frames;
  absl::Status& status;
};

la_ssize_t WriteToSink(struct ::archive* archive, void* data, const void* bytes, size_t size) {
  auto& sink = *static_cast<Sink*>(data);
  sink.status = sink.frames.Append({static_cast<const char*>(bytes), size});
  if (sink.status.ok()) return static_cast<la_ssize_t>(size);
  archive_set_error(archive, EIO, "the file cannot be written");
  return -1;
}

int FreeSink(struct ::archive*, void* data) {
  delete static_cast<Sink*>(data);
  return ARCHIVE_OK;
}

}  // namespace

TarWriter::TarWriter(FrameWriter& frames) : frames_(frames), archive_(archive_write_new()) {}

// What libarchive still writes of an archive that was not finished goes where all of it goes.
TarWriter::~TarWriter() {
  if (archive_ != nullptr) archive_write_free(archive_);
}

absl::StatusOr<std::unique_ptr<TarWriter>> TarWriter::Make(FrameWriter& frames) {
  std::unique_ptr<TarWriter> writer(new TarWriter(frames));
  struct ::archive* const archive = writer->archive_;
  if (archive == nullptr) return absl::ResourceExhaustedError("no memory for libarchive");
  // In no blocks, so that each byte comes when it is written.
  for (const int outcome :
       {archive_write_set_format_pax_restricted(archive), archive_write_add_filter_none(archive),
        archive_write_set_bytes_per_block(archive, 0),
        archive_write_open2(archive, new Sink{frames, writer->status_}, nullptr, WriteToSink,
                            nullptr, FreeSink)}) {
    if (absl::Status status = writer->Check(outcome); !status.ok()) return status;
  }
  return writer;
}

absl::Status TarWriter::Begin(const std::string& name, uint64_t size) {
  if (absl::Status status = frames_.EndFrame(); !status.ok()) return status;
  const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(),
                                                                       archive_entry_free);
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0600);
  archive_entry_set_mtime(entry.get(), now_, 0);
  return Check(archive_write_header(archive_, entry.get()));
}

absl::Status TarWriter::Append(std::string_view piece) {
  // libarchive takes no more at once than a signed number holds, and copies nothing.
  constexpr size_t kMostAtOnce = size_t{1} << 20;
  for (; !piece.empty(); piece.remove_prefix(std::min(piece.size(), kMostAtOnce))) {
    const std::string_view part = piece.substr(0, kMostAtOnce);
    const la_ssize_t written = archive_write_data(archive_, part.data(), part.size());
    if (absl::Status status = Check(written); !status.ok()) return status;
    if (static_cast<size_t>(written) != part.size()) {
      return absl::InternalError("libarchive has not taken all of a member");
    }
  }
  return absl::OkStatus();
}

absl::Status TarWriter::End() {
  if (absl::Status status = Check(archive_write_finish_entry(archive_)); !status.ok()) {
    return status;
  }
  return frames_.EndFrame();
}

absl::Status TarWriter::Finish() {
  if (absl::Status status = Check(archive_write_close(archive_)); !status.ok()) return status;
  return frames_.EndFrame();
}

// What an outcome of libarchive means; it is a number of bytes where it is not negative.
absl::Status TarWriter::Check(int64_t outcome) const {
  if (!status_.ok()) return status_;
  if (outcome >= ARCHIVE_OK) return absl::OkStatus();
  const char* const text = archive_error_string(archive_);
  return absl::InternalError(absl::StrCat("libarchive: ", text == nullptr ? "?" : text));
}

}  // namespace permacache::archive
