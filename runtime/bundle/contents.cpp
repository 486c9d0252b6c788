#include "runtime/bundle/contents.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/cache/entry.h"
#include "runtime/cuda/device_templates.h"

namespace flexc::runtime {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint32_t kAllAssumptions = (1u << kAssumptionNames.size()) - 1;
constexpr std::size_t kLongestName = 4096;

std::string_view name_of_member(Member member) { return member == Member::Narrow ? "narrow" : "wide"; }

// ---- printing

/// 64 for a constant, "H" for a symbol, {"fresh": 0} for the first fresh dim.
Json json_of(const Dim& dim) {
  if (dim.kind == Dim::Kind::Constant) return dim.value;
  if (dim.kind == Dim::Kind::Symbol) return kSymbolNames[static_cast<std::size_t>(dim.value)];
  return Json{{"fresh", dim.value}};
}

Json json_of(const Signature& signature) {
  Json json = Json::object();
  json["captures"] = Json::array();
  for (const CaptureInfo& info : signature.captures) {
    Json dims = Json::array();
    for (const Dim& dim : info.dims) dims.push_back(json_of(dim));
    json["captures"].push_back({{"name", info.name}, {"dtype", name_of(info.dtype)}, {"dims", std::move(dims)}, {"used", info.used}});
  }
  json["params"] = Json::array();
  for (const ParamInfo& info : signature.params) {
    Json param = {{"name", info.name}, {"type", name_of(info.type)}, {"used", info.used}};
    if (info.default_integer) param["default"] = *info.default_integer;
    // By their bits: JSON has neither infinities nor NaN.
    if (info.default_float) param["default_bits"] = std::bit_cast<std::uint32_t>(*info.default_float);
    json["params"].push_back(std::move(param));
  }
  json["fresh_dims"] = signature.fresh_dims;
  json["equal_lengths"] = Json::array();
  for (const auto& [a, b] : signature.equal_lengths) json["equal_lengths"].push_back(Json::array({json_of(a), json_of(b)}));
  json["sizes_read"] = signature.sizes_read;
  return json;
}

Json json_of(const BundledCudaMember& member) {
  Json json = {{"machine", member.machine}, {"dtype", name_of(member.dtype)}, {"head_dim", member.head_dim}, {"member", name_of_member(member.member)}, {"launch", member.launch}, {"source", member.source}};
  if (member.cubin) json["cubin"] = *member.cubin;
  return json;
}

Json json_of(const BundledKernels& variant) {
  Json json = {{"name", variant.name}, {"hash", fmt::format("{:016x}{:016x}", variant.hash[0], variant.hash[1])}, {"score_mod", variant.has_score_mod}, {"mask_mod", variant.has_mask_mod}};
  json.update(json_of(variant.signature));
  json["tile_program"] = variant.tile_program;
  json["cpu"] = Json::array();
  for (const BundledCpuMember& member : variant.cpu)
    json["cpu"].push_back({{"level", name_of(member.level)}, {"member", name_of_member(member.member)}, {"assumptions", member.assumptions}, {"object", member.object}});
  json["cuda"] = Json::array();
  for (const BundledCudaMember& member : variant.cuda) json["cuda"].push_back(json_of(member));
  return json;
}

// ---- parsing: whatever is not as it must be is thrown to parse_contents and goes no further

struct Malformed {
  std::string what;
};
[[noreturn]] void malformed(std::string what) { throw Malformed{std::move(what)}; }

const Json& field(const Json& json, const char* name) {
  if (!json.is_object()) malformed(fmt::format("something that holds `{}` is no object", name));
  const auto found = json.find(name);
  if (found == json.end()) malformed(fmt::format("`{}` is missing", name));
  return *found;
}

template <class T>
T number(const Json& json, const char* name, std::uint64_t most = std::numeric_limits<T>::max()) {
  if (!json.is_number_unsigned() || json.get<std::uint64_t>() > most) malformed(fmt::format("`{}` is no number from 0 to {}", name, most));
  return static_cast<T>(json.get<std::uint64_t>());
}

template <class T>
T number_field(const Json& json, const char* name, std::uint64_t most = std::numeric_limits<T>::max()) {
  return number<T>(field(json, name), name, most);
}

std::string text(const Json& json, const char* name) {
  if (!json.is_string() || json.get_ref<const std::string&>().size() > kLongestName) malformed(fmt::format("`{}` is no text", name));
  return json.get<std::string>();
}
std::string text_field(const Json& json, const char* name) { return text(field(json, name), name); }

bool flag_field(const Json& json, const char* name) {
  const Json& value = field(json, name);
  if (!value.is_boolean()) malformed(fmt::format("`{}` is neither true nor false", name));
  return value.get<bool>();
}

const Json& list_field(const Json& json, const char* name) {
  const Json& value = field(json, name);
  if (!value.is_array()) malformed(fmt::format("`{}` is no list", name));
  return value;
}

DType dtype_of(const Json& json, const char* name) {
  const auto dtype = dtype_from_name(text(json, name));
  if (!dtype || *dtype == f64) malformed(fmt::format("`{}` is no dtype", name));
  return *dtype;
}

Dim dim_of(const Json& json, const Signature& signature) {
  if (json.is_number_unsigned()) return {Dim::Kind::Constant, number<std::int64_t>(json, "dim", std::numeric_limits<std::int64_t>::max())};
  if (json.is_string())
    for (std::size_t i = 0; i < kSymbolNames.size(); ++i)
      if (json.get_ref<const std::string&>() == kSymbolNames[i]) return {Dim::Kind::Symbol, static_cast<std::int64_t>(i)};
  if (!json.is_object()) malformed("a dim is neither a size nor a name");
  const auto index = number_field<std::uint32_t>(json, "fresh");
  if (index >= signature.fresh_dims.size()) malformed("a dim has no name");
  return {Dim::Kind::Fresh, index};
}

ParamInfo param_of(const Json& json) {
  ParamInfo info;
  info.name = text_field(json, "name");
  info.type = dtype_of(field(json, "type"), "type");
  if (info.type != f32 && info.type != i32 && info.type != i64 && info.type != boolean) malformed("a param has a type that params cannot have");
  info.used = flag_field(json, "used");
  if (info.type == f32) {
    if (json.contains("default_bits")) info.default_float = std::bit_cast<float>(number_field<std::uint32_t>(json, "default_bits"));
  } else if (json.contains("default")) {
    if (!json["default"].is_number_integer() || (json["default"].is_number_unsigned() && json["default"].get<std::uint64_t>() > std::uint64_t{std::numeric_limits<std::int64_t>::max()}))
      malformed("a param's default is no integer");
    info.default_integer = json["default"].get<std::int64_t>();
  }
  return info;
}

Signature signature_of(const Json& json) {
  Signature signature;
  for (const Json& name : list_field(json, "fresh_dims")) signature.fresh_dims.push_back(text(name, "fresh_dims"));
  std::set<std::string> names;
  for (const Json& each : list_field(json, "captures")) {
    CaptureInfo& info = signature.captures.emplace_back();
    info.name = text_field(each, "name");
    info.dtype = dtype_of(field(each, "dtype"), "dtype");
    for (const Json& dim : list_field(each, "dims")) info.dims.push_back(dim_of(dim, signature));
    info.used = flag_field(each, "used");
    if (!names.insert(info.name).second) malformed("two captures have one name");
  }
  for (const Json& each : list_field(json, "params"))
    if (!names.insert(signature.params.emplace_back(param_of(each)).name).second) malformed("two params have one name");
  for (const Json& pair : list_field(json, "equal_lengths")) {
    if (!pair.is_array() || pair.size() != 2) malformed("`equal_lengths` has something that is no pair");
    signature.equal_lengths.emplace_back(dim_of(pair[0], signature), dim_of(pair[1], signature));
  }
  for (const Json& index : list_field(json, "sizes_read")) {
    signature.sizes_read.push_back(number<std::uint32_t>(index, "sizes_read"));
    if (signature.sizes_read.back() >= signature.fresh_dims.size()) malformed("`sizes_read` names a dim that is not there");
  }
  return signature;
}

Member member_of(const Json& json) {
  const std::string name = text_field(json, "member");
  for (const Member member : {Member::Narrow, Member::Wide})
    if (name == name_of_member(member)) return member;
  malformed("`member` is neither narrow nor wide");
}

std::uint32_t assumptions_of(const Json& json, Member member) {
  const auto bits = number_field<std::uint32_t>(json, "assumptions", kAllAssumptions);
  if (member == Member::Wide && bits != kAssumesNothing) malformed("a wide member assumes something of its calls");
  return bits;
}

class ContentsParser {
 public:
  BundleContents parse(const Json& json, std::uint64_t blobs_size) {
    contents_.made_by = text_field(json, "flexc");
    contents_.machine = text_field(json, "machine");
    contents_.row_abi = number_field<std::uint32_t>(json, "row_abi");
    contents_.launch_interface = text_field(json, "launch_interface");
    contents_.for_cpu = contents_.for_cuda = false;
    for (const Json& each : list_field(json, "devices")) {
      const std::string device = text(each, "devices");
      if (device != "cpu" && device != "cuda") malformed("`devices` has one that is neither cpu nor cuda");
      (device == "cpu" ? contents_.for_cpu : contents_.for_cuda) = true;
    }
    for (const Json& dtype : list_field(json, "dtypes")) contents_.dtypes.push_back(dtype_of(dtype, "dtypes"));
    for (const Json& dim : list_field(json, "head_dims")) contents_.head_dims.push_back(number<std::int64_t>(dim, "head_dims", std::numeric_limits<std::int32_t>::max()));
    for (const Json& feature : list_field(json, "features")) contents_.features.push_back(text(feature, "features"));
    std::uint64_t total = 0;
    for (const Json& size : list_field(json, "blobs")) {
      contents_.blob_bytes.push_back(number<std::uint64_t>(size, "blobs", blobs_size));
      if (__builtin_add_overflow(total, contents_.blob_bytes.back(), &total)) malformed("the blobs are too long");
    }
    if (total != blobs_size) malformed(fmt::format("the blobs have {} bytes, and the table says {}", blobs_size, total));
    if (json.contains("helpers")) contents_.helpers = {blob_field(json["helpers"], "combine"), blob_field(json["helpers"], "copy")};
    std::set<std::string> names;
    for (const Json& variant : list_field(json, "variants"))
      if (!names.insert(contents_.variants.emplace_back(variant_of(variant)).name).second) malformed("two variants have one name");
    return std::move(contents_);
  }

 private:
  BlobIndex blob_field(const Json& json, const char* name) {
    const auto index = number_field<BlobIndex>(json, name);
    if (index >= contents_.blob_bytes.size()) malformed(fmt::format("`{}` names a blob that is not there", name));
    return index;
  }

  BundledKernels variant_of(const Json& json) {
    BundledKernels variant;
    variant.name = text_field(json, "name");
    const std::string digits = text_field(json, "hash");
    const auto word = [&](std::size_t at, std::uint64_t& value) {
      const auto [end, error] = std::from_chars(digits.data() + at, digits.data() + at + 16, value, 16);
      return error == std::errc() && end == digits.data() + at + 16;
    };
    if (digits.size() != 32 || !word(0, variant.hash[0]) || !word(16, variant.hash[1])) malformed("`hash` is no hash");
    variant.has_score_mod = flag_field(json, "score_mod");
    variant.has_mask_mod = flag_field(json, "mask_mod");
    variant.signature = signature_of(json);
    variant.tile_program = blob_field(json, "tile_program");
    for (const Json& each : list_field(json, "cpu")) variant.cpu.push_back(cpu_of(each));
    for (const Json& each : list_field(json, "cuda")) variant.cuda.push_back(cuda_of(each));
    return variant;
  }

  BundledCpuMember cpu_of(const Json& json) {
    BundledCpuMember cpu;
    const std::string level = text_field(json, "level");
    if (level == name_of(CpuLevel::X86_64_v4)) cpu.level = CpuLevel::X86_64_v4;
    else if (level != name_of(CpuLevel::X86_64_v3)) malformed("`level` is no level of x86-64 that is known here");
    cpu.member = member_of(json);
    cpu.assumptions = assumptions_of(json, cpu.member);
    cpu.object = blob_field(json, "object");
    return cpu;
  }

  BundledCudaMember cuda_of(const Json& json) {
    BundledCudaMember member;
    member.machine = text_field(json, "machine");
    member.dtype = dtype_of(field(json, "dtype"), "dtype");
    member.head_dim = number_field<std::int64_t>(json, "head_dim", std::numeric_limits<std::int32_t>::max());
    member.member = member_of(json);
    member.launch = blob_field(json, "launch");
    member.source = blob_field(json, "source");
    if (json.contains("cubin")) member.cubin = blob_field(json, "cubin");
    return member;
  }

  BundleContents contents_;
};

}  // namespace

std::string launch_interface() {
  std::string texts;
  for (const DeviceTemplate& file : device_templates())
    if (file.name == "templates/hopper/launch.h" || file.name == "templates/hopper/combine.h" || file.name == "templates/hopper/copy.h" ||
        file.name == "templates/simt/arguments.h") texts += file.text;
  const Digest digest = sha256(std::as_bytes(std::span(texts)));
  std::string digits;
  for (const std::uint8_t byte : std::span(digest).first(8)) digits += fmt::format("{:02x}", byte);
  return digits;
}

std::string print_contents(const BundleContents& contents) {
  Json head = {{"flexc", contents.made_by}, {"machine", contents.machine}, {"row_abi", contents.row_abi}, {"launch_interface", contents.launch_interface}};
  head["devices"] = Json::array();
  if (contents.for_cpu) head["devices"].push_back("cpu");
  if (contents.for_cuda) head["devices"].push_back("cuda");
  head["dtypes"] = Json::array();
  for (const DType dtype : contents.dtypes) head["dtypes"].push_back(name_of(dtype));
  head["head_dims"] = contents.head_dims;
  head["features"] = contents.features;
  if (contents.helpers) head["helpers"] = {{"combine", contents.helpers->combine}, {"copy", contents.helpers->copy}};
  head["blobs"] = contents.blob_bytes;
  std::string text = head.dump();
  text.back() = ',';
  text += "\n\"variants\": [";
  for (std::size_t i = 0; i < contents.variants.size(); ++i) text += (i == 0 ? "\n" : ",\n") + json_of(contents.variants[i]).dump();
  return text + "\n]}\n";
}

Result<BundleContents> parse_contents(std::string_view table, std::uint64_t blobs_size) {
  const auto refuse = [](const std::string& what) { return std::unexpected(Error{ErrorKind::Input, "its table is not one that flexc writes: " + what}); };
  try {
    const Json json = Json::parse(table, nullptr, false);
    if (json.is_discarded()) return refuse("it is no JSON");
    return ContentsParser().parse(json, blobs_size);
  } catch (const Malformed& problem) {
    return refuse(problem.what);
  } catch (const Json::exception& problem) {
    return refuse(problem.what());
  } catch (const std::bad_alloc&) {
    return std::unexpected(Error{ErrorKind::Environment, "there is not enough memory for its table"});
  }
}

}  // namespace flexc::runtime
