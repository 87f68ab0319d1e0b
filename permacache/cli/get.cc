#include <algorithm>
#include <cstdio>
#include <memory>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "permacache/cli/commands.h"
#include "permacache/cli/human.h"
#include "permacache/codec/encoding.h"
#include "permacache/json/json.h"

namespace permacache::cli {
namespace {

using storage::EntryInfo;
using storage::Record;
using storage::Verdict;

// How much of a value that is not JSON is shown.
constexpr size_t kShortValue = 256;

// A result in JSON is an object of its type and its value; see codec/FORMAT.md.
struct JsonResult {
  std::string type;
  std::string value;
};

// A value that stands in an object by itself. Strings of JSON have no line ends.
std::string WithoutIndentation(std::string_view value) {
  return absl::StrReplaceAll(std::string(value), {{"\n  ", "\n"}});
}

std::optional<JsonResult> ReadJsonResult(std::string_view bytes) {
  if (!bytes.starts_with("{\n  \"type\": ") || !json::IsValid(bytes)) return std::nullopt;
  JsonResult result;
  json::Reader reader(bytes);
  reader.Next();
  reader.Enter();
  while (reader.Next() != json::Reader::Kind::kEnd) {
    const std::string name = reader.TakeName();
    const json::Reader::Kind kind = reader.Next();
    if (name == "type" && kind == json::Reader::Kind::kString) {
      result.type = reader.TakeString();
    } else if (name == "value") {
      result.value = WithoutIndentation(reader.TakeValue());
    } else {
      reader.TakeValue();
    }
  }
  if (result.value.empty()) return std::nullopt;
  return result;
}

class Records {
 public:
  Records(Session& session, const GetOptions& options) : session_(session), options_(options) {
    session.report().Fact({"function", ""}, Text{options.selection.function});
    session.report().BeginList({"records", ""},
                               {{"key", "key"},
                                {"version", "version"},
                                {"created", "created"},
                                {"compute_seconds", "cost"},
                                {"value_bytes", "size"},
                                {"encoding", "encoding"},
                                {"type", "type"},
                                {"value", "value"},
                                {"value_base64", "bytes"},
                                {"is_cut", ""}},
                               Layout::kRecords);
  }

  void End() { session_.report().EndList(); }

  void Add(uint32_t version, std::string_view key, const Record& record) {
    const std::optional<JsonResult> json = ReadJsonResult(record.value);
    const size_t shown =
        options_.full ? record.value.size() : std::min(record.value.size(), kShortValue);
    const bool is_cut = !json && shown < record.value.size();
    session_.report().Row(
        {Text{std::string(key)}, Count{version}, Time{record.created},
         Duration{record.compute_time}, Bytes{record.value.size()}, Text{json ? "json" : "binary"},
         json ? Value(Text{json->type}) : Unknown(), json ? Value(Json{json->value}) : Unknown(),
         json ? Value(Unknown()) : Binary{std::string(record.value.substr(0, shown))}, is_cut});
    if (is_cut) {
      session_.report().Sentence(absl::StrCat(
          "(the first ", shown, " of ", CountText(static_cast<int64_t>(record.value.size())),
          " bytes; --full shows all, --output=FILE saves them)"));
    }
  }

 private:
  Session& session_;
  const GetOptions& options_;
};

using VisitRecord =
    absl::FunctionRef<void(uint32_t version, std::string_view key, const Record& record)>;

void Look(Session& session, const Generation& generation, storage::Store& store,
          std::string_view key, VisitRecord visit) {
  const absl::StatusOr<bool> found =
      store.Get(key, [&](const Record& record) { visit(generation.version, key, record); });
  session.Check(generation.function.name, found.status());
}

// By its key, without a walk.
void ForEachOfKey(Session& session, const GetOptions& options, VisitRecord visit) {
  for (const catalog::StoredFunction& function : session.Functions(options.selection.function)) {
    ForEachGeneration(session, function, options.selection, [&](const Generation& generation) {
      Look(session, generation, generation.store, options.key, visit);
      return absl::OkStatus();
    });
  }
}

// Looks at records by way of another store, as the one that is walked over must not be asked.
void ForEachSelected(Session& session, const GetOptions& options, VisitRecord visit) {
  ForEachEntry(session, options.selection, "get", storage::Depth::kHeads,
               [&](const Generation& generation, const EntryInfo& info) {
                 const absl::StatusOr<std::unique_ptr<storage::Store>> store =
                     OpenToLook(generation.function, generation.version);
                 if (session.Check(generation.function.name, store.status())) {
                   Look(session, generation, **store, info.key, visit);
                 }
                 return Verdict::kKeep;
               });
}

void Save(std::string_view value, const std::filesystem::path& path) {
  const bool is_stdout = path == "-";
  std::FILE* file = is_stdout ? stdout : std::fopen(path.c_str(), "wb");
  const bool written =
      file != nullptr && std::fwrite(value.data(), 1, value.size(), file) == value.size();
  const bool closed = file != nullptr && (is_stdout ? std::fflush(file) : std::fclose(file)) == 0;
  if (!written || !closed) {
    throw Failure(kTrouble, absl::StrCat("cannot write ", SafeText(path.string())));
  }
}

}  // namespace

void Get(Session& session, const GetOptions& options) {
  const auto for_each = options.key.empty() ? ForEachSelected : ForEachOfKey;
  int64_t found = 0;
  if (!options.output.empty()) {
    for_each(session, options, [&](uint32_t, std::string_view, const Record& record) {
      if (++found == 1) Save(record.value, options.output);
    });
    if (found > 1) {
      session.Complain(absl::StrCat("only the first of ", Many(found, "value"), " was written to ",
                                    SafeText(options.output.string()),
                                    ". Say which one you want with KEY and --version"));
    }
  } else {
    Records records(session, options);
    for_each(session, options, [&](uint32_t version, std::string_view key, const Record& record) {
      ++found;
      records.Add(version, key, record);
    });
    records.End();
  }
  if (found == 0) {
    session.Complain(
        "there is no such entry. A KEY must be the same text as permacache ls shows; "
        "--where asks for arguments");
  }
}

}  // namespace permacache::cli
