// flexc_gpu_kit: writes what a machine with a GPU needs into a folder: bundles, micro-tests, masks, captures, and what has to come out.
//   flexc_gpu_kit KIT MICRO.cu [--entries a,b,…] [--head-dims 64,128] [--dtypes bf16,f16] [--replay 64] [--model FOLDER]
//   flexc_gpu_kit KIT --form NAME [--entries …] [--head-dims …] [--model FOLDER]     bundles and cases of another form of the kernel ($FLEXC_HOPPER_FORMS), for CUDA alone;
//                                                                                    of the form `steps`, calls whose positions are in steps
// --replay also carries what the host model gives for these head dims; --model compiles every kernel for the host model, for a rehearsal without a GPU.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>

#include <fmt/format.h>

#include "compiler/emit/cuda/gemm_source.h"
#include "compiler/host/cuda_compile.h"
#include "compiler/host/hopper_forms.h"
#include "compiler/host/ir_library.h"
#include "compiler/host/model_kernel.h"
#include "compiler/host/tile_programs.h"
#include "compiler/host/variant_impl.h"
#include "flexc/compile_bundle.h"
#include "flexc/dsl/evaluate.h"
#include "flexc/gallery.h"
#include "flexc/random.h"
#include "runtime/bundle/contents.h"
#include "runtime/cuda/device_templates.h"
#include "runtime/cuda/helper_kernels.h"
#include "runtime/cuda/nvrtc.h"
#include "runtime/cuda/tile_kernels.h"
#include "runtime/kernel/bindings.h"
#include "templates/model/forward_plan.h"
#include "templates/model/simulator.h"
#include "tools/gpu_kit/case_file.h"
#include "tools/gpu_kit/give_up.h"
#include "tools/gpu_kit/mask_case.h"
#include "tools/gpu_kit/micro_arguments.h"

namespace {

using namespace flexc;
using kit::give_up;
using kit::take;
namespace fs = std::filesystem;

constexpr std::uint64_t kSeed = 5;
constexpr std::int64_t kMaskLength = 4096;
constexpr std::string_view kSteps = "steps";  // a form's name, but none of $FLEXC_HOPPER_FORMS
constexpr const char* kMaskEntry = "document";  // in every kit: a mask that reads a capture at positions
constexpr std::int64_t kBatch = 1, kHeads = 2, kKvHeads = 1, kKvLen = 219;
/// Rows at head dim 64, and in all larger ones together no more elements than there. Other shapes need nothing carried: the oracle runs there.
constexpr std::int64_t kRows = 139;
std::int64_t rows_at(std::int64_t head_dim) { return head_dim <= 64 ? kRows : std::max<std::int64_t>(1, kRows * 32 / head_dim); }

struct Options {
  fs::path kit, micro;
  std::vector<std::string> entries;
  std::vector<std::int64_t> head_dims = {64, 128, 256}, replay;
  std::vector<DType> dtypes = {bf16};
  std::optional<fs::path> model;
  std::string form;
};

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  std::stringstream stream(list);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

void write(const fs::path& path, const void* data, std::size_t bytes) {
  std::error_code ignored;
  fs::create_directories(path.parent_path(), ignored);
  std::ofstream file(path, std::ios::binary);
  file.write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
  file.close();
  if (!file) give_up({ErrorKind::Environment, path.string() + " cannot be written"});
}
void write(const fs::path& path, const std::string& text) { write(path, text.data(), text.size()); }

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) give_up({ErrorKind::Usage, path.string() + " cannot be read"});
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The entry's bundle: the CPU's kernels and CUDA's, of a form of its own the latter alone.
std::string write_bundle(const Options& options, const GalleryEntry& entry, const std::string& path) {
  const Variant variant = *Variant::parse(entry.text, {.name = std::string(entry.name)});
  BundleOptions how;
  how.dtypes = options.dtypes, how.head_dims = options.head_dims, how.features = {"lse"};
  if (options.form == kSteps) how.features.emplace_back(runtime::kStepsFeature);
  how.for_cpu = options.form.empty(), how.require_cuda = true, how.file_stem = entry.name;
  const BundleInput input{std::string(entry.name), variant, std::string(entry.name)};
  auto made = compile_bundle({&input, 1}, how);
  if (!made) give_up(made.error().error);
  write(options.kit / path, made->bytes);
  return std::move(made->bytes);
}

/// A narrow member of the bundle for the host model, beside the machine code whose place it takes.
void write_for_model(const Options& options, const kit::Case& made, const dsl::NormalForm& form, runtime::KernelKind kind) {
  CudaKernelRequest request{.dtype = made.dtype, .head_dim = made.extents.head_dim, .kernel = kind, .in_child = true, .gallery_name = made.variant};
  compiler::CudaHookOptions narrow;
  narrow.gallery_name = made.variant, narrow.kernel = kind;
  narrow.member = compiler::Member::Narrow;
  if (kind == runtime::KernelKind::Simt) {
    request.architecture = runtime::kSimtMachine;
  } else {
    request.forms = narrow.forms = take(hopper_forms_from_environment(made.dtype));
    request.in_steps = narrow.in_steps = options.form == kSteps;
  }
  const auto code = take(compile_cuda_kernel(form, request));
  const auto columns = static_cast<unsigned>(made.extents.head_dim);
  const auto kernels = take(take(ir_functions())->emit_cuda_kernels(form, narrow, made.dtype, columns, columns));
  const auto source = std::ranges::find_if(kernels.sources, [&](const auto& each) { return each.member.tile == code.member.tile; });
  if (source == kernels.sources.end()) give_up({ErrorKind::Internal, "the tile is not in the ladder"});
  fs::create_directories(*options.model);
  const std::string name = made.name + "." + runtime::entry_of(kind);
  take(compile_for_model(*source, (*options.model / (name + ".so")).string()));
  write(*options.model / (name + ".cubin"), code.cubin.data(), code.cubin.size());
}

/// Cases of a form of its own are called NAME@FORM.
void write_cases(const Options& options, const GalleryEntry& entry) {
  kit::Case made;
  made.variant = entry.name, made.seed = kSeed;
  made.bundle = options.form.empty() ? fmt::format("bundles/{}.flexb", entry.name) : fmt::format("bundles/forms/{}/{}.flexb", options.form, entry.name);
  const std::string bytes = write_bundle(options, entry, made.bundle);
  const Engine engine({.disk_cache = false});
  const auto bundle = take(engine.load_bundle(std::as_bytes(std::span(bytes)), made.bundle));
  const auto form = take(kit::form_of(entry));
  for (const DType dtype : options.dtypes)
    for (const std::int64_t head_dim : options.head_dims) {
      made.dtype = dtype;
      made.name = fmt::format("{}_{}{}{}", entry.name, head_dim, dtype == bf16 ? "" : fmt::format("_{}", name_of(dtype)), options.form.empty() ? "" : "@" + options.form);
      made.expected_out = "expected/" + made.name + "_out.f32", made.expected_lse = "expected/" + made.name + "_lse.f32", made.model_out = "";
      made.extents = {.batch = kBatch, .heads = kHeads, .kv_heads = kKvHeads, .q_len = rows_at(head_dim), .kv_len = kKvLen, .head_dim = head_dim};
      if (options.form == kSteps) made.extents.q_offset = 1, made.extents.q_step = 3, made.extents.kv_offset = 2, made.extents.kv_step = 2;
      const auto call = take(kit::HostCall::make(take(kit::described(bundle, made.variant)), dtype, made.extents, kSeed));
      const auto reference = take(kit::reference_of(entry, form, call, 2));
      made.limits = reference.limits;
      write(options.kit / made.expected_out, reference.out.as<char>(), reference.out.byte_count());
      write(options.kit / made.expected_lse, reference.lse.as<char>(), reference.lse.byte_count());
      if (std::ranges::find(options.replay, head_dim) != options.replay.end()) {
        const auto kernel = take(make_model_kernel(std::make_shared<dsl::NormalForm>(form), {.dtype = dtype, .head_dim = head_dim, .device = Device::model()}));
        take(kernel->run(call.arguments));
        made.model_out = "expected/" + made.name + "_model.bits";
        write(options.kit / made.model_out, call.out.as<char>(), call.out.byte_count());
      }
      write(options.kit / "cases" / (made.name + ".json"), to_json(made).dump(1) + "\n");
      if (options.model)
        for (const auto kind : {runtime::KernelKind::Hopper, runtime::KernelKind::Simt}) write_for_model(options, made, form, kind);
    }
}

/// A kernel that all variants share, for the host model. `argument`: its type.
void write_fixed_for_model(const Options& options, const runtime::FixedKernelText& kernel, const char* argument, const std::vector<std::byte>& cubin) {
  const std::string name = kernel.name;
  std::vector<SourceFile> files = model_sources();
  files.push_back({"fixed.cpp", text_of(kernel) + fmt::format("extern \"C\" void flexc_model_entry_{0}(flexc::model::Machine* machine, void* argument) {{\n  flexc::model::machine = machine;\n"
                                                              "  {0}(*static_cast<const {1}*>(argument));\n}}\n",
                                                              name, argument)});
  fs::create_directories(*options.model);
  take(compile_and_load(files, "fixed.cpp", (*options.model / (name + ".so")).string()));
  write(*options.model / (name + ".cubin"), cubin.data(), cubin.size());
}

/// The kernels that all variants share: those of block masks, and those beside attention, which bundles carry.
void write_fixed_kernels(const Options& options) {
  const auto tiles = take(runtime::compile_tile_kernels());
  const std::vector<std::byte>* const cubins[] = {&tiles->summaries, &tiles->verdicts, &tiles->pairs};
  const char* const arguments[] = {"flexc::tile::SummaryWork", "flexc::tile::VerdictArguments", "flexc::tile::PairArguments"};
  for (std::size_t i = 0; i < runtime::kTileKernels.size(); ++i) {
    write(options.kit / "cubins" / fmt::format("{}.cubin", runtime::kTileKernels[i].name), cubins[i]->data(), cubins[i]->size());
    if (options.model) write_fixed_for_model(options, runtime::kTileKernels[i], arguments[i], *cubins[i]);
  }
  if (!options.model) return;
  const auto helpers = take(runtime::compile_helper_kernels());
  write_fixed_for_model(options, runtime::kHelperKernels[0], "flexc_combine_arguments", helpers->combine);
  write_fixed_for_model(options, runtime::kHelperKernels[1], "flexc_copy_arguments", helpers->copy);
}

/// The mask of a gallery entry, to be built on the GPU from captures there. Nothing for an entry without a mask_mod.
void write_mask(const Options& options, const GalleryEntry& entry) {
  const Variant variant = *Variant::parse(entry.text, {.name = std::string(entry.name)});
  const auto impl = VariantAccess::share(variant);
  const dsl::NormalForm& form = *impl->form;
  if (!form.mask) return;
  kit::MaskCase made;
  made.name = entry.name;
  made.program = take(tile::deserialize(take(tile_program_bytes(form))));
  made.frame.batches = kBatch, made.frame.heads = kHeads, made.frame.q_len = made.frame.kv_len = kMaskLength;
  Captures captures;
  std::vector<Tensor> tensors;
  for (const Variant::Capture& capture : variant.captures()) {
    auto tensor = make_capture(entry.name, capture.name, capture.dims, {kBatch, kHeads, kKvHeads, kMaskLength, kMaskLength, {}}, kSeed);
    if (!tensor) give_up({ErrorKind::Internal, fmt::format("{}: nothing makes the capture {}", entry.name, capture.name)});
    captures.set(capture.name, tensors.emplace_back(std::move(*tensor)).view());
  }
  const auto environment = take(bind(form, captures, {kBatch, kHeads, kKvHeads, kMaskLength, kMaskLength}));
  made.launch.fresh_dims = take(dsl::bind_dims(form, environment));
  made.launch.symbols = {kBatch, kHeads, kKvHeads, kMaskLength, kMaskLength};
  for (const auto& param : environment.params) made.launch.params.push_back({param.integer, param.real});
  for (std::size_t i = 0; i < environment.captures.size(); ++i) {
    const TensorView& view = environment.captures[i];
    const bool is_read = std::ranges::any_of(made.program.instructions, [&](const tile::Instruction& each) { return tile::operands_of(each.op) == "*" && each.imm == static_cast<std::int64_t>(i); });
    kit::CaseCapture capture{is_read ? fmt::format("captures/mask_{}_{}.bin", made.name, i) : "", view.dtype, view.shape};
    if (is_read) write(options.kit / capture.file, view.data, static_cast<std::size_t>(view.element_count()) * size_of(view.dtype));
    made.captures.push_back(std::move(capture));
  }
  write(options.kit / "masks" / (made.name + ".json"), to_json(made).dump() + "\n");
}

/// The micro-tests: machine code, and the words that the host model gives.
void write_micro(const Options& options) {
  const std::string text = read(options.micro);
  const std::string head = "#include \"templates/hopper/primitives.cuh\"\n#include \"templates/hopper/launch.h\"\n";
  runtime::HopperTile tile;
  tile.m = 128, tile.n = 64, tile.d = 64, tile.dv = 64;
  const std::string products = compiler::cuda::gemm_source(tile);
  const std::string device_text = head + products + text;
  const auto nvrtc = take(runtime::Nvrtc::open());
  const auto binary = take(nvrtc.compile({"flexc_micro.cu", device_text}));
  write(options.kit / "cubins/micro.cubin", binary.cubin.data(), binary.cubin.size());
  write(options.kit / "cuda/micro.cu", device_text);

  std::string host_text = head + text;
  for (const kit::MicroTest& test : kit::kMicroTests)
    host_text += fmt::format("extern \"C\" void flexc_model_entry_{0}(flexc::model::Machine* machine, void* call) {{\n  flexc::model::machine = machine;\n  {0}(*static_cast<const flexc_micro_arguments*>(call));\n}}\n", test.kernel);
  std::vector<SourceFile> files = model_sources();
  files.push_back({"micro.cpp", host_text});
  if (options.model) fs::create_directories(*options.model);
  const auto object = take(compile_and_load(files, "micro.cpp", options.model ? (*options.model / "micro.so").string() : ""));
  if (options.model) write(*options.model / "micro.cubin", binary.cubin.data(), binary.cubin.size());

  const auto in = kit::micro_words();
  for (const kit::MicroTest& test : kit::kMicroTests) {
    // TMA's memory begins at multiples of 16 bytes.
    struct alignas(16) Row { std::uint16_t columns[kit::kMicroColumns]; };
    std::vector<Row> a(kit::kMicroARows), b(kit::kMicroBRows), c(kit::kMicroARows);
    const auto fill = [](std::vector<Row>& rows, const std::vector<std::uint16_t>& values) { std::memcpy(rows.data(), values.data(), values.size() * sizeof values[0]); };
    fill(a, kit::micro_tensor(kit::kMicroARows, 1)), fill(b, kit::micro_tensor(kit::kMicroBRows, 2)), fill(c, kit::micro_tensor(kit::kMicroARows, 3));
    std::vector<unsigned> out(kit::kMicroOutWords);
    kit::MicroArguments arguments{model::encode_map(kit::micro_map(a.data(), kit::kMicroARows)), model::encode_map(kit::micro_map(b.data(), kit::kMicroBRows)),
                                  model::encode_map(kit::micro_map(c.data(), kit::kMicroARows)), in.data(), out.data()};
    model::LaunchOptions launch;
    launch.threads = test.threads, launch.shared_bytes = kit::kMicroSharedBytes;
    model::Simulator simulator;
    const auto entry = reinterpret_cast<model::KernelEntry>(object->symbol(("flexc_model_entry_" + std::string(test.kernel)).c_str()));
    const auto result = simulator.launch(launch, entry, &arguments);
    if (!result.reports.empty()) give_up({ErrorKind::Internal, fmt::format("{} on the host model: {}", test.kernel, result.reports.front().text)});
    std::vector<unsigned char> expected(out.size() * sizeof out[0] + c.size() * sizeof c[0]);
    std::memcpy(expected.data(), out.data(), out.size() * sizeof out[0]);
    std::memcpy(expected.data() + out.size() * sizeof out[0], c.data(), c.size() * sizeof c[0]);
    write(options.kit / "expected" / (std::string(test.kernel) + ".bin"), expected.data(), expected.size());
  }
}

}  // namespace

int main(int count, char** words) {
  Options options;
  for (const GalleryEntry& entry : gallery()) options.entries.emplace_back(entry.name);
  std::vector<std::string> plain;
  const auto dims = [](const std::string& list) {
    std::vector<std::int64_t> values;
    for (const std::string& part : split(list)) values.push_back(std::strtoll(part.c_str(), nullptr, 10));
    return values;
  };
  for (int i = 1; i < count; ++i) {
    const std::string option = words[i];
    if (!option.starts_with("--")) {
      plain.push_back(option);
      continue;
    }
    if (++i == count) give_up({ErrorKind::Usage, option + " needs a value"});
    const std::string value = words[i];
    if (option == "--entries") options.entries = split(value);
    else if (option == "--model") options.model = value;
    else if (option == "--form") options.form = value;
    else if (option == "--head-dims") options.head_dims = dims(value);
    else if (option == "--replay") options.replay = dims(value);
    else if (option == "--dtypes") {
      options.dtypes.clear();
      for (const std::string& name : split(value)) {
        if (name != "bf16" && name != "f16") give_up({ErrorKind::Usage, "a kit is for bf16 and f16, not for " + name});
        options.dtypes.push_back(name == "bf16" ? bf16 : f16);
      }
    } else give_up({ErrorKind::Usage, "unknown option " + option});
  }
  if (plain.size() != (options.form.empty() ? 2u : 1u)) give_up({ErrorKind::Usage, "flexc_gpu_kit KIT MICRO.cu [options], or KIT --form NAME [options]"});
  options.kit = plain[0];
  std::vector<const GalleryEntry*> entries;
  for (const std::string& name : options.entries) {
    entries.push_back(find_gallery_entry(name));
    if (entries.back() == nullptr) give_up({ErrorKind::Usage, "no gallery entry " + name});
  }
  if (!options.form.empty()) {
    for (const GalleryEntry* entry : entries) write_cases(options, *entry);
    return 0;
  }
  options.micro = plain[1];
  write_micro(options);
  write_fixed_kernels(options);
  if (std::ranges::find(options.entries, kMaskEntry) == options.entries.end()) write_mask(options, *find_gallery_entry(kMaskEntry));
  for (const GalleryEntry* entry : entries) {
    write_mask(options, *entry);
    write_cases(options, *entry);
  }
  return 0;
}
