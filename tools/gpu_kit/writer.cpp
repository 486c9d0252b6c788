// flexc_gpu_kit: writes what a machine with a GPU needs into a folder: machine code, the emitted text, captures, and what has to come out.
//   flexc_gpu_kit KIT MICRO.cu [--entries a,b,…] [--head-dims 64,128] [--model FOLDER]
// --model also compiles every kernel for the host model, for a rehearsal without a GPU.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>

#include <fmt/format.h>

#include "compiler/emit/cuda/gemm_source.h"
#include "runtime/kernel/bindings.h"
#include "compiler/host/cuda_compile.h"
#include "compiler/host/hopper_forms.h"
#include "compiler/host/ir_library.h"
#include "compiler/host/model_kernel.h"
#include "compiler/host/tile_programs.h"
#include "compiler/host/variant_impl.h"
#include "flexc/dsl/evaluate.h"
#include "flexc/gallery.h"
#include "flexc/random.h"
#include "runtime/cuda/device_templates.h"
#include "runtime/cuda/nvrtc.h"
#include "runtime/cuda/tile_kernels.h"
#include "templates/model/forward_plan.h"
#include "templates/model/simulator.h"
#include "tools/gpu_kit/case_file.h"
#include "tools/gpu_kit/mask_case.h"
#include "tools/gpu_kit/micro_arguments.h"

namespace {

using namespace flexc;
namespace fs = std::filesystem;

constexpr std::uint64_t kSeed = 5;
constexpr std::int64_t kMaskLength = 4096;
constexpr const char* kMaskEntry = "document";  // in every kit: a mask that reads a capture at positions
constexpr std::int64_t kBatch = 1, kHeads = 2, kKvHeads = 1, kQLen = 139, kKvLen = 219;  // the whole gallery fits into the kit
// ANCHORS: twice the error of an eager computation in the same dtype, three times with softcap; 1.1 times its mean error.
constexpr double kFactor = 2, kSoftcapFactor = 3, kMeanFactor = 1.1, kLseError = 1e-3;

struct Options {
  fs::path kit, micro;
  std::vector<std::string> entries;
  std::vector<std::int64_t> head_dims = {64, 128, 256};
  std::optional<fs::path> model;
};

[[noreturn]] void give_up(const Error& error) {
  std::cerr << "flexc_gpu_kit: " << error.message << "\n";
  std::exit(error.kind == ErrorKind::Environment ? 3 : error.kind == ErrorKind::Usage ? 2 : 70);
}
template <class T>
T take(Result<T> result) {
  if (!result) give_up(result.error());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

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

double bf16_rounded(double x) { return bf16_to_float(float_to_bf16(static_cast<float>(x))); }

/// The limits that the oracle and the oracle in rounded mode give.
void set_limits(kit::Case& into, const Tensor& exact, const Tensor& rounded) {
  double largest = 0, sum = 0, atol = 0;
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < exact.view().element_count(); ++i) {
    const double reference = load_as_double(exact.view(), i), eager = load_as_double(rounded.view(), i);
    if (!std::isfinite(reference) || !std::isfinite(eager)) continue;
    const double near = bf16_rounded(reference), error = std::fabs(eager - reference);
    atol = std::max(atol, std::fabs(bf16_rounded(bf16_rounded(near + 0.3) - 0.3) - near));
    largest = std::max(largest, error), sum += error, ++count;
  }
  into.most_error = (into.variant == "softcap" ? kSoftcapFactor : kFactor) * largest + 2 * atol;
  into.most_mean_error = count > 0 ? kMeanFactor * sum / static_cast<double>(count) : 0;
  into.most_lse_error = kLseError;
}

/// `widest`: on the widest tile, under a name of its own.
void write_case(const Options& options, const GalleryEntry& entry, std::int64_t head_dim, bool widest) {
  const Variant variant = *Variant::parse(entry.text, {.name = std::string(entry.name)});
  const auto impl = VariantAccess::share(variant);
  const dsl::NormalForm& form = *impl->form;
  auto forms = take(hopper_forms_from_environment(bf16));
  if (widest) forms.tile_m = 128, forms.tile_n = 176;
  const auto code = take(compile_cuda_kernel(form, {.dtype = bf16, .head_dim = head_dim, .forms = forms, .in_child = true, .gallery_name = std::string(entry.name)}));
  kit::Case made;
  made.variant = entry.name, made.name = fmt::format("{}_{}{}", entry.name, head_dim, widest ? "_widest" : "");
  made.cubin = "cubins/" + made.name + ".cubin";
  made.expected_out = "expected/" + made.name + "_out.f32", made.expected_lse = "expected/" + made.name + "_lse.f32";
  made.member = code.member;
  made.shape = {kBatch, kHeads, kKvHeads, kQLen, kKvLen, head_dim, head_dim};
  made.seed = kSeed;
  made.scale = 1 / std::sqrt(static_cast<double>(head_dim));
  write(options.kit / made.cubin, code.cubin.data(), code.cubin.size());
  write(options.kit / "cuda" / (made.name + ".cu"), code.text);

  Tensor q(bf16, {kBatch, kHeads, kQLen, head_dim}), k(bf16, {kBatch, kKvHeads, kKvLen, head_dim}), v(bf16, {kBatch, kKvHeads, kKvLen, head_dim});
  fill_normal(q.view(), kSeed, "q"), fill_normal(k.view(), kSeed, "k"), fill_normal(v.view(), kSeed, "v");
  Captures captures;
  std::vector<Tensor> tensors;
  const GalleryProblem problem{kBatch, kHeads, kKvHeads, kQLen, kKvLen, {}};
  for (const Variant::Capture& capture : variant.captures()) {
    auto tensor = make_capture(entry.name, capture.name, capture.dims, problem, kSeed);
    if (!tensor) give_up({ErrorKind::Internal, fmt::format("{}: nothing makes the capture {}", entry.name, capture.name)});
    captures.set(capture.name, tensors.emplace_back(std::move(*tensor)).view());
  }
  const auto environment = take(bind(form, captures, {kBatch, kHeads, kKvHeads, kQLen, kKvLen}));
  made.fresh_dims = take(dsl::bind_dims(form, environment));
  for (std::size_t i = 0; i < environment.captures.size(); ++i) {
    const TensorView& view = environment.captures[i];
    kit::CaseCapture capture{view.absent() ? "" : fmt::format("captures/{}_{}.bin", made.name, i), view.dtype, view.shape};
    if (!view.absent()) write(options.kit / capture.file, view.data, static_cast<std::size_t>(view.element_count()) * size_of(view.dtype));
    made.captures.push_back(std::move(capture));
  }
  for (std::size_t i = 0; i < environment.params.size(); ++i) made.params.push_back({environment.params[i].integer, environment.params[i].real, form.params[i].type == f32});

  dsl::AttentionCall call;
  Tensor exact(f32, q.view().shape), rounded(f32, q.view().shape), lse(f32, {kBatch, kHeads, kQLen});
  call.q = q.view(), call.k = k.view(), call.v = v.view(), call.out = exact.view(), call.lse = lse.view();
  call.scale = made.scale, call.threads = 2;
  take(dsl::evaluate_attention(form, environment, call));
  call.out = rounded.view(), call.lse = {}, call.mode = dsl::OracleMode::Rounded, call.rounded_dtype = bf16;
  take(dsl::evaluate_attention(form, environment, call));
  set_limits(made, exact, rounded);
  write(options.kit / made.expected_out, exact.data(), exact.byte_count());
  write(options.kit / made.expected_lse, lse.data(), lse.byte_count());
  write(options.kit / "cases" / (made.name + ".json"), to_json(made).dump(1) + "\n");

  if (!options.model) return;
  const auto functions = take(ir_functions());
  compiler::CudaHookOptions narrow;
  narrow.gallery_name = entry.name;
  narrow.member = compiler::Member::Narrow;
  narrow.forms = forms;
  const auto kernels = take(functions->emit_cuda_kernels(form, narrow, bf16, static_cast<unsigned>(head_dim), static_cast<unsigned>(head_dim)));
  const auto source = std::ranges::find_if(kernels.sources, [&](const auto& each) { return each.member.tile == code.member.tile; });
  if (source == kernels.sources.end()) give_up({ErrorKind::Internal, "the tile is not in the ladder"});
  fs::create_directories(*options.model);
  take(compile_for_model(*source, (*options.model / (made.name + ".so")).string()));
  write(*options.model / (made.name + ".cubin"), code.cubin.data(), code.cubin.size());
}

/// The kernels of block masks, which all variants share.
void write_tile_kernels(const Options& options) {
  const auto code = take(runtime::compile_tile_kernels());
  const std::vector<std::byte>* const cubins[] = {&code->summaries, &code->verdicts, &code->pairs};
  for (std::size_t i = 0; i < runtime::kTileKernels.size(); ++i) {
    const std::string name = runtime::kTileKernels[i].name;
    write(options.kit / "cubins" / (name + ".cubin"), cubins[i]->data(), cubins[i]->size());
    if (!options.model) continue;
    const char* const arguments[] = {"SummaryWork", "VerdictArguments", "PairArguments"};
    std::vector<SourceFile> files = model_sources();
    files.push_back({"tile.cpp", text_of(runtime::kTileKernels[i]) +
                                     fmt::format("extern \"C\" void flexc_model_entry_{0}(flexc::model::Machine* machine, void* argument) {{\n  flexc::model::machine = machine;\n"
                                                 "  {0}(*static_cast<const flexc::tile::{1}*>(argument));\n}}\n",
                                                 name, arguments[i])});
    fs::create_directories(*options.model);
    take(compile_and_load(files, "tile.cpp", (*options.model / (name + ".so")).string()));
    write(*options.model / (name + ".cubin"), cubins[i]->data(), cubins[i]->size());
  }
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
  if (count < 3) {
    std::cerr << "usage: flexc_gpu_kit KIT MICRO.cu [--entries a,b] [--head-dims 64,128] [--model FOLDER]\n";
    return 2;
  }
  options.kit = words[1], options.micro = words[2];
  for (const GalleryEntry& entry : gallery()) options.entries.emplace_back(entry.name);
  for (int i = 3; i + 1 < count; i += 2) {
    const std::string option = words[i];
    if (option == "--entries") options.entries = split(words[i + 1]);
    else if (option == "--model") options.model = words[i + 1];
    else if (option == "--head-dims") {
      options.head_dims.clear();
      for (const std::string& part : split(words[i + 1])) options.head_dims.push_back(std::stoll(part));
    } else give_up({ErrorKind::Usage, "unknown option " + option});
  }
  write_micro(options);
  write_tile_kernels(options);
  if (std::ranges::find(options.entries, kMaskEntry) == options.entries.end()) write_mask(options, *find_gallery_entry(kMaskEntry));
  for (const std::string& name : options.entries) {
    const GalleryEntry* entry = find_gallery_entry(name);
    if (entry == nullptr) give_up({ErrorKind::Usage, "no gallery entry " + name});
    write_mask(options, *entry);
    for (const std::int64_t head_dim : options.head_dims) {
      write_case(options, *entry, head_dim, false);
      // The tiles between which a GPU has to decide (docs/gpu_questions.md).
      if (name == "noop" && head_dim == 128) write_case(options, *entry, head_dim, true);
    }
  }
  return 0;
}
