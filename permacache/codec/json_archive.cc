#include "permacache/codec/json_archive.h"

#include <utility>

namespace permacache::codec {

using Kind = json::Reader::Kind;

JsonEncoder::JsonEncoder(json::Writer* writer) : OutputArchive(this), writer_(*writer) {}
JsonEncoder::~JsonEncoder() = default;

JsonDecoder::JsonDecoder(json::Reader* reader, uint64_t limit)
    : TypedPointers(this), reader_(*reader), limit_(limit) {}
JsonDecoder::~JsonDecoder() = default;

// Gives the value that comes next its place in the node around it.
void JsonEncoder::BeginPart() {
  const std::string name = std::exchange(name_, {});
  if (nodes_.empty()) return;
  Node& node = nodes_.back();
  if (node.form == Form::kUndecided) {
    node.form = name.empty() ? Form::kArray : Form::kObject;
    name.empty() ? writer_.BeginArray() : writer_.BeginObject();
  }
  if (node.form == Form::kObject) {
    writer_.Name(name.empty() ? std::to_string(node.parts) : name);
  }
  ++node.parts;
}

void JsonEncoder::BeginNode(bool is_range) {
  if (nodes_.size() == kDeepestJson) {
    throw cereal::Exception("the value is nested too deep for JSON; store it in binary");
  }
  BeginPart();
  nodes_.push_back({.is_range = is_range});
}

void JsonEncoder::EndNode() {
  const Node& node = nodes_.back();
  if (node.length && *node.length != node.parts) {
    throw cereal::Exception(
        "the cereal functions of a container write more than its elements, which JSON cannot "
        "tell apart; store it in binary");
  }
  if (node.form == Form::kUndecided) writer_.BeginObject();
  writer_.End();
  nodes_.pop_back();
}

void JsonEncoder::PutLength(uint64_t length) {
  Node& node = nodes_.back();
  if (node.is_range && node.form == Form::kUndecided) {
    node.length = length;
    node.form = Form::kArray;
    writer_.BeginArray();
  } else {
    PutScalar(std::to_string(length));
  }
}

void JsonEncoder::PutScalar(std::string_view text) {
  BeginPart();
  writer_.Scalar(text);
}

void JsonEncoder::PutString(std::string_view utf8) {
  BeginPart();
  writer_.String(utf8);
}

void JsonEncoder::PutBytes(std::string_view bytes) {
  BeginPart();
  writer_.Bytes(bytes);
}

Kind JsonDecoder::BeginPart() {
  const std::string name = std::exchange(name_, {});
  if (!nodes_.empty()) {
    Node& node = nodes_.back();
    if (reader_.Next() == Kind::kEnd) {
      throw cereal::Exception("the value ends before its last field");
    }
    if (node.is_object && reader_.TakeName() != name && !name.empty()) {
      throw cereal::Exception("a field has another name");
    }
    ++node.parts;
  }
  return reader_.Next();
}

void JsonDecoder::BeginNode(bool is_range) {
  if (nodes_.size() == kDeepestJson) throw cereal::Exception("the value is nested too deep");
  const Kind kind = BeginPart();
  if (kind != Kind::kArray && kind != Kind::kObject) {
    throw cereal::Exception("a value of several parts is a single one");
  }
  const uint32_t size = reader_.Enter();
  nodes_.push_back({.is_range = is_range, .is_object = kind == Kind::kObject, .size = size});
}

void JsonDecoder::EndNode() {
  if (reader_.Next() != Kind::kEnd) {
    throw cereal::Exception("the value goes on after its last field");
  }
  reader_.Leave();
  nodes_.pop_back();
}

uint64_t JsonDecoder::TakeLength() {
  const Node& node = nodes_.back();
  if (node.is_range && node.parts == 0) {
    if (node.is_object) throw cereal::Exception("a container is not an array");
    return node.size;
  }
  const uint64_t length = internal::ParseInteger<uint64_t>(TakeScalar());
  if (length > limit_) throw cereal::Exception("a length reaches beyond the value");
  return length;
}

std::string_view JsonDecoder::TakeScalar() {
  if (BeginPart() != Kind::kScalar) {
    throw cereal::Exception("a number or a boolean is something else");
  }
  return reader_.TakeScalar();
}

std::string JsonDecoder::TakeString() {
  if (BeginPart() != Kind::kString) throw cereal::Exception("a string is something else");
  return reader_.TakeString();
}

std::string JsonDecoder::TakeBytes() {
  BeginPart();
  std::optional<std::string> bytes = reader_.TakeBytes();
  if (!bytes) throw cereal::Exception("a string is something else");
  return *std::move(bytes);
}

std::string JsonDecoder::TakeNumber() {
  switch (BeginPart()) {
    case Kind::kScalar:
      return std::string(reader_.TakeScalar());
    case Kind::kString:
      return reader_.TakeString();
    default:
      throw cereal::Exception("a number is something else");
  }
}

}  // namespace permacache::codec
