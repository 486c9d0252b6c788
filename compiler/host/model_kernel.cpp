#include "compiler/host/model_kernel.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include <fmt/format.h>

#include "compiler/host/hopper_forms.h"
#include "compiler/host/host_compiler.h"
#include "compiler/host/interpreted_gathers.h"
#include "compiler/host/ir_library.h"
#include "compiler/host/kernel_choice.h"
#include "compiler/host/tile_programs.h"
#include "flexc/io.h"
#include "runtime/cuda/device_templates.h"
#include "runtime/cuda/workspace.h"
#include "runtime/kernel/hopper_launch.h"
#include "runtime/kernel/hopper_members.h"
#include "templates/model/fixed_kernels.h"
#include "templates/model/forward_plan.h"
#include "templates/model/simulator.h"

namespace flexc {
namespace {

constexpr std::string_view kDevice = "device model";
constexpr std::uint32_t kBlocks = 2;  // CTAs: persistent ones share the work, so two show what sharing does

std::unexpected<Error> failed(ErrorKind kind, std::string message) { return std::unexpected(Error{kind, std::move(message)}); }

/// What this side needs beside the kernel's own text, which is the emitted unit as NVRTC gets it, less the products' PTX.
std::string entry_text(const runtime::HopperMember& member) {
  const bool is_simt = member.kernel == runtime::KernelKind::Simt;
  return fmt::format(R"(
struct FlexcModelCall {{
  {0} arguments;
  const void* params;
}};

extern "C" const unsigned flexc_model_param_bytes = sizeof({2}::Params);
extern "C" void flexc_model_thread(flexc::model::Machine* machine, void* call) {{
  flexc::model::machine = machine;
  // As a launch passes them: by value.
  {1}(static_cast<const FlexcModelCall*>(call)->arguments, *static_cast<const {2}::Params*>(static_cast<const FlexcModelCall*>(call)->params));
}}
)",
                     is_simt ? "flexc_simt_arguments" : "flexc_hopper_arguments", runtime::entry_of(member.kernel), runtime::takes_steps(member) ? "flexc::device::SteppedHooks" : "flexc::mods::Hooks");
}

template <class Arguments>
struct ModelCall {
  Arguments arguments;
  const void* params;
};

/// FLEXC_MODEL_SEED (a number, default 0) and FLEXC_MODEL_POLICY (earliest, latest or random, the default).
Result<model::LaunchOptions> options_from_environment() {
  model::LaunchOptions options;
  options.policy = model::Policy::Random;
  if (const char* text = std::getenv("FLEXC_MODEL_SEED")) {
    const char* const end = text + std::strlen(text);
    if (const auto [stop, error] = std::from_chars(text, end, options.seed); error != std::errc() || stop != end || stop == text)
      return failed(ErrorKind::Usage, fmt::format("FLEXC_MODEL_SEED is `{}`; it must be a number from 0 to 2^64 - 1", text));
  }
  if (const char* text = std::getenv("FLEXC_MODEL_POLICY")) {
    const std::string_view name = text;
    if (name == "earliest") options.policy = model::Policy::Earliest;
    else if (name == "latest") options.policy = model::Policy::Latest;
    else if (name != "random") return failed(ErrorKind::Usage, fmt::format("FLEXC_MODEL_POLICY is `{}`; it must be earliest, latest or random", name));
  }
  return options;
}

/// Room for an output of 2-byte elements where the caller wants f32: dense, and widened in the end.
class NarrowOutput {
 public:
  explicit NarrowOutput(const TensorView& out, DType dtype) : out_(out), dtype_(dtype), words_(static_cast<std::size_t>(out.element_count())) {}
  TensorView view() { return TensorView(words_.data(), dtype_, out_.shape); }
  void widen() const {
    std::size_t from = 0;
    for (std::int64_t b = 0; b < out_.shape[0]; ++b)
      for (std::int64_t h = 0; h < out_.shape[1]; ++h)
        for (std::int64_t i = 0; i < out_.shape[2]; ++i) {
          float* const to = static_cast<float*>(out_.data) + b * out_.strides[0] + h * out_.strides[1] + i * out_.strides[2];
          for (std::int64_t c = 0; c < out_.shape[3]; ++c, ++from) to[c] = dtype_ == bf16 ? bf16_to_float(words_[from]) : f16_to_float(words_[from]);
        }
  }

 private:
  TensorView out_;
  DType dtype_;
  std::vector<std::uint16_t> words_;
};

/// "The GPU's memory" of one launch, as CUDA would give it: a size, where it begins, and no value in it.
class Workspace {
 public:
  static Result<Workspace> of(std::uint64_t bytes) {
    const std::uint64_t with_room = bytes + runtime::kWorkspaceAlignment;
    Workspace workspace(new (std::nothrow) std::byte[with_room]);
    if (!workspace.bytes_) return failed(ErrorKind::Environment, fmt::format("{}: no memory for a workspace of {} bytes", kDevice, bytes));
    std::memset(workspace.bytes_.get(), 0xff, with_room);
    return workspace;
  }
  std::uint64_t address() const {
    const auto begin = reinterpret_cast<std::uintptr_t>(bytes_.get());
    return (begin + runtime::kWorkspaceAlignment - 1) / runtime::kWorkspaceAlignment * runtime::kWorkspaceAlignment;
  }

 private:
  explicit Workspace(std::byte* bytes) : bytes_(bytes) {}
  std::unique_ptr<std::byte[]> bytes_;
};

/// A compiled member.
struct LoadedMember {
  runtime::HopperMember member;
  compiler::Manifest manifest;
  std::shared_ptr<const LoadedObject> object;
};

Result<LoadedMember> load_member(const dsl::NormalForm& form, const CompileOptions& options, const compiler::HopperForms& forms, runtime::KernelKind kernel, bool in_steps, compiler::Member which) {
  const auto functions = ir_functions();
  if (!functions) return std::unexpected(functions.error());
  compiler::CudaHookOptions hook_options;
  hook_options.member = which, hook_options.forms = forms, hook_options.kernel = kernel, hook_options.in_steps = in_steps;
  auto kernels = (*functions)->emit_cuda_kernels(form, hook_options, options.dtype, static_cast<unsigned>(options.head_dim), static_cast<unsigned>(options.value_dim != 0 ? options.value_dim : options.head_dim));
  if (!kernels) return std::unexpected(kernels.error());
  auto object = compile_for_model(kernels->sources.front());
  if (!object) return std::unexpected(object.error());
  return LoadedMember{std::move(kernels->sources.front().member), kernels->hooks.manifest, std::move(*object)};
}

using ModelMembers = HopperMembers<LoadedMember>;
using ModelFamily = HopperFamily<LoadedMember>;

class ModelKernel final : public Kernel {
 public:
  /// `hopper` may be null: then the plain kernel serves every call.
  ModelKernel(std::shared_ptr<const dsl::NormalForm> form, CompileOptions options, std::unique_ptr<ModelFamily> hopper, std::unique_ptr<LazyMembers<LoadedMember>> simt, bool may_fall_back,
              std::shared_ptr<runtime::MaskCache> masks)
      : form_(std::move(form)), masks_(form_, compiled_tile_program(form_), std::move(masks)), options_(std::move(options)), hopper_(std::move(hopper)), simt_(std::move(simt)),
        may_fall_back_(may_fall_back) {}

  Device device() const override { return Device::model(); }

  Result<void> run(const RunArguments& arguments, void*) const override {
    auto bound = bind_hopper_call(kDevice, *form_, options_, arguments, MemoryKind::Host);
    if (!bound) return std::unexpected(bound.error());
    const CallShape& shape = bound->shape;
    if (arguments.checked) {
      if (auto status = interpreted_gathers(form_)(arguments, shape, bound->environment); !status) return status;
      if (auto status = masks_.verify(arguments, bound->environment); !status) return status;
    }
    auto launch = options_from_environment();
    if (!launch) return std::unexpected(launch.error());
    const auto loaded = choose(*bound);
    if (!loaded) return std::unexpected(loaded.error());
    const runtime::HopperMember& member = (*loaded)->member;
    const bool is_hopper = member.kernel == runtime::KernelKind::Hopper;
    if (auto status = check_hopper_call(kDevice, member, shape); !status) return status;
    if (auto status = check_hopper_outputs(kDevice, member, arguments); !status) return status;
    if (shape.q_len == 0) return {};
    RunArguments narrowed = arguments;
    std::optional<NarrowOutput> narrow_output;
    if (arguments.out.dtype != options_.dtype) narrowed.out = narrow_output.emplace(arguments.out, options_.dtype).view();
    std::vector<float> lse(static_cast<std::size_t>(shape.batch * shape.heads * shape.q_len)), max_scores(lse.size());
    const std::vector<float> sink = dense_sink(arguments.sink);
    const auto set_rows = [&](flexc_hopper_arguments& forward) {
      forward.lse = lse.data();
      forward.lse_head_stride = shape.q_len, forward.lse_batch_stride = shape.q_len * shape.heads;
      forward.sink = sink.empty() ? nullptr : sink.data();
      if (!arguments.max_scores.absent()) forward.max_scores = max_scores.data();
      forward.max_head_stride = forward.lse_head_stride, forward.max_batch_stride = forward.lse_batch_stride;
    };
    Result<void> status;
    if (is_hopper) {
      auto call = HopperLaunch::prepare(member, shape, narrowed, 0);
      if (!call) return std::unexpected(call.error());
      set_rows(call->plan.arguments);
      status = run_hopper(**loaded, *launch, *call, *bound);
    } else {
      // The plain kernel reads tensors where and as they are.
      const auto tensor = [](const TensorView& view) { return runtime::ForwardTensor{view.data, view.strides[2], view.strides[1], view.strides[0]}; };
      auto plan = plan_hopper_call(member, shape, narrowed, tensor(narrowed.q), tensor(narrowed.k), tensor(narrowed.v), tensor(narrowed.out), 0);
      set_rows(plan.arguments);
      status = launch_one(**loaded, *launch, plan.arguments, *bound);
    }
    if (!status) return status;
    if (narrow_output) narrow_output->widen();
    if (!arguments.lse.absent()) store_rows(lse, shape, arguments.lse);
    if (!arguments.max_scores.absent()) store_rows(max_scores, shape, arguments.max_scores);
    return {};
  }

  Result<BlockMask> block_mask(const MaskShape& shape, const Captures& captures, MaskReport* report) const override {
    return masks_.build(shape, captures, report);
  }

  std::string_view kernel_of(const RunArguments& arguments) const override {
    const auto bound = bind_hopper_call(kDevice, *form_, options_, arguments, MemoryKind::Host);
    if (!bound) return {};
    if (!takes_hopper(*bound)) return "simt";
    return may_fall_back_ || check_hopper_call(kDevice, hopper_->first().member, bound->shape) ? "hopper" : "";
  }

 private:
  /// The member that takes this call: the Hopper kernel's where it can, else the plain one's.
  Result<const LoadedMember*> choose(const HopperCall& call) const {
    if (!takes_hopper(call)) return choose_simt(call);
    const auto members = hopper_->members(in_steps(call.shape));
    if (!members) return std::unexpected(members.error());
    return choose(call, **members);
  }
  /// Where the plain kernel may not serve, it is asked all the same, and says why not.
  bool takes_hopper(const HopperCall& call) const { return hopper_ && (!may_fall_back_ || check_hopper_call(kDevice, hopper_->first().member, call.shape)); }
  Result<const LoadedMember*> choose_simt(const HopperCall& call) const {
    const auto simt = simt_->get();
    if (!simt) return std::unexpected(simt.error());
    return choose(call, **simt);
  }
  Result<const LoadedMember*> choose(const HopperCall& call, const ModelMembers& members) const {
    const bool narrow = within(members.narrow().manifest, call.shape, *form_, call.environment, call.fresh);
    return members.member(narrow ? compiler::Member::Narrow : compiler::Member::Wide);
  }

  /// The list of a GPU's launch, in the memory of the host.
  Result<void> run_hopper(const LoadedMember& loaded, const model::LaunchOptions& options, HopperLaunch& call, const HopperCall& bound) const {
    flexc_hopper_arguments& forward = call.plan.arguments;
    const auto workspace = Workspace::of(call.workspace_bytes());
    if (!workspace) return std::unexpected(workspace.error());
    call.place(workspace->address());
    for (const runtime::TensorMapRequest* map : {&call.plan.q, &call.plan.k, &call.plan.v, &call.plan.out})
      if (auto status = runtime::check_tensor_map(*map); !status) return status;
    model::encode_maps(call.plan);
    std::memset(forward.workspace, 0, call.zero_words() * sizeof(unsigned));
    if (const auto* words = call.mask_words()) std::memcpy(reinterpret_cast<void*>(call.mask_address()), words->data(), words->size() * sizeof(std::uint32_t));
    for (flexc_copy_arguments& copy : call.copies_in)
      if (auto status = simulate(options, model::kCopyThreads, 0, model::enter_copy, &copy); !status) return status;
    if (auto status = launch_one(loaded, options, forward, bound); !status) return status;
    if (call.has_parts()) {
      flexc_combine_arguments combine = call.combine();
      if (auto status = simulate(options, model::kCombineThreads, 0, model::enter_combine, &combine); !status) return status;
    }
    if (call.copy_out)
      if (auto status = simulate(options, model::kCopyThreads, 0, model::enter_copy, &*call.copy_out); !status) return status;
    if (forward.workspace[kFlexcWorkNonFinite] == 0) return {};
    // What was marked is computed again. A GPU's launch does not wait to see whether anything is; here it is known.
    const auto careful = choose_simt(bound);
    if (!careful) return std::unexpected(careful.error());
    return launch_one(**careful, options, call.careful(), bound);
  }

  Result<void> launch_one(const LoadedMember& loaded, const model::LaunchOptions& options, const flexc_hopper_arguments& arguments, const HopperCall& call) const {
    const auto params = hopper_params(loaded.member, *form_, call);
    if (!params) return std::unexpected(params.error());
    const auto enter = [&](auto kernel) {
      return simulate(options, loaded.member.threads, loaded.member.dynamic_smem_bytes, reinterpret_cast<model::KernelEntry>(loaded.object->symbol("flexc_model_thread")), &kernel);
    };
    if (loaded.member.kernel == runtime::KernelKind::Simt) return enter(ModelCall<flexc_simt_arguments>{simt_arguments(arguments, call.shape), params->data()});
    return enter(ModelCall<flexc_hopper_arguments>{arguments, params->data()});
  }

  static Result<void> simulate(model::LaunchOptions options, unsigned threads, unsigned shared_bytes, model::KernelEntry entry, void* argument) {
    options.blocks = kBlocks;
    options.threads = threads, options.shared_bytes = shared_bytes;
    options.most_steps = ~std::uint64_t{0};  // a long call is no error
    model::Simulator simulator;
    const auto result = simulator.launch(options, entry, argument);
    if (result.reports.empty()) return {};
    const model::Report& report = result.reports.front();
    return failed(ErrorKind::Internal, fmt::format("{}: {} (CTA {}, thread {}; seed {}, policy {}): {}", kDevice, model::fault_name(report.fault), report.block, report.thread, options.seed,
                                                   model::policy_name(options.policy), report.text));
  }

  static std::vector<float> dense_sink(const TensorView& sink) {
    std::vector<float> values;
    if (!sink.absent())
      for (std::int64_t h = 0; h < sink.shape[0]; ++h) values.push_back(static_cast<const float*>(sink.data)[h * sink.strides[0]]);
    return values;
  }

  static void store_rows(const std::vector<float>& from, const CallShape& shape, const TensorView& to) {
    std::size_t source = 0;
    for (std::int64_t b = 0; b < shape.batch; ++b)
      for (std::int64_t h = 0; h < shape.heads; ++h)
        for (std::int64_t row = 0; row < shape.q_len; ++row)
          static_cast<float*>(to.data)[b * to.strides[0] + h * to.strides[1] + row * to.strides[2]] = from[source++];
  }

  std::shared_ptr<const dsl::NormalForm> form_;
  MaskBuilder masks_;
  CompileOptions options_;
  std::unique_ptr<ModelFamily> hopper_;
  std::unique_ptr<LazyMembers<LoadedMember>> simt_;
  bool may_fall_back_;
};

}  // namespace

std::vector<SourceFile> model_sources() {
  std::vector<SourceFile> files;
  for (const runtime::DeviceTemplate& each : runtime::device_templates()) {
    const bool primitives = each.name == "templates/hopper/primitives.cuh";
    files.push_back({std::string(each.name), primitives ? "#pragma once\n#include \"templates/model/primitives.h\"\n" : std::string(each.text)});
  }
  return files;
}

Result<std::shared_ptr<const LoadedObject>> compile_for_model(const compiler::cuda::HopperSource& source, const std::string& keep) {
  std::vector<SourceFile> files = model_sources();
  files.push_back({"kernel.cpp", source.host_text + entry_text(source.member)});
  auto object = compile_and_load(files, "kernel.cpp", keep);
  if (!object) return std::unexpected(object.error());
  for (const char* name : {"flexc_model_param_bytes", "flexc_model_thread"})
    if ((*object)->symbol(name) == nullptr) return failed(ErrorKind::Internal, fmt::format("{}: the compiled kernel has no {}", kDevice, name));
  const unsigned param_bytes = *static_cast<const unsigned*>((*object)->symbol("flexc_model_param_bytes"));
  if (param_bytes != source.member.param_words * sizeof(std::uint64_t))
    return failed(ErrorKind::Internal, fmt::format("{}: the kernel takes {} bytes of params, its description says {} words", kDevice, param_bytes, source.member.param_words));
  return object;
}

Result<std::shared_ptr<const Kernel>> make_model_kernel(std::shared_ptr<const dsl::NormalForm> form, CompileOptions options, std::shared_ptr<runtime::MaskCache> masks) {
  const auto choice = kernel_choice_from_environment();
  if (!choice) return std::unexpected(choice.error());
  const bool fits_hopper = check_hopper_options(kDevice, options).has_value();
  const bool is_hopper = *choice == CudaKernelChoice::Hopper || (*choice == CudaKernelChoice::Auto && fits_hopper);
  if (auto status = is_hopper ? check_hopper_options(kDevice, options) : check_simt_options(kDevice, options); !status) return std::unexpected(status.error());
  const auto forms = hopper_forms_from_environment(options.dtype);
  if (!forms) return std::unexpected(forms.error());
  const auto make = [form, options, forms = *forms](runtime::KernelKind kernel, bool in_steps) {
    return [form, options, forms, kernel, in_steps](compiler::Member which) { return load_member(*form, options, forms, kernel, in_steps, which); };
  };
  auto simt = std::make_unique<LazyMembers<LoadedMember>>(make(runtime::KernelKind::Simt, false));
  std::unique_ptr<ModelFamily> hopper;
  if (is_hopper) {
    auto members = ModelFamily::make(make(runtime::KernelKind::Hopper, false), make(runtime::KernelKind::Hopper, true));
    if (!members) return std::unexpected(members.error());
    hopper = std::move(*members);
  } else if (const auto members = simt->get(); !members) {
    return std::unexpected(members.error());
  }
  return std::make_shared<ModelKernel>(std::move(form), std::move(options), std::move(hopper), std::move(simt), *choice == CudaKernelChoice::Auto, std::move(masks));
}

}  // namespace flexc
