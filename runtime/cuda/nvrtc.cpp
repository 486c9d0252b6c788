#include "runtime/cuda/nvrtc.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runtime/cuda/device_templates.h"

namespace flexc::runtime {

/// The interface is stable C: these are its prototypes, by hand.
struct Nvrtc::Functions {
  using Program = void*;
  int (*version)(int* major, int* minor);
  const char* (*error_string)(int status);
  int (*create)(Program* program, const char* text, const char* name, int header_count, const char* const* headers, const char* const* include_names);
  int (*destroy)(Program* program);
  int (*compile)(Program program, int option_count, const char* const* options);
  int (*log_size)(Program program, std::size_t* size);
  int (*log)(Program program, char* text);
  int (*ptx_size)(Program program, std::size_t* size);
  int (*ptx)(Program program, char* text);
  int (*cubin_size)(Program program, std::size_t* size);
  int (*cubin)(Program program, char* bytes);
  // Null in one that does not tell.
  int (*architecture_count)(int* count);
  int (*architectures)(int* numbers);
};

namespace {

constexpr const char* kOptions[] = {"--std=c++17", "--fmad=false", "--device-as-default-execution-space", "--no-cache", "--ptxas-options=-v"};

/// PTX and cubin come with one more byte than text has; a log too.
template <class Size, class Get>
std::string fetch(Size size_of, Get get, void* program) {
  std::size_t size = 0;
  if (size_of(program, &size) != 0 || size == 0) return {};
  std::string text(size, '\0');
  if (get(program, text.data()) != 0) return {};
  while (!text.empty() && text.back() == '\0') text.pop_back();
  return text;
}

}  // namespace

std::string forbidden_message(const std::string& log) {
  for (std::size_t at = log.find("C75"); at != std::string::npos; at = log.find("C75", at + 1)) {
    if (at + 5 > log.size() || log[at + 3] != '1' || log[at + 4] < '0' || log[at + 4] > '9') continue;
    return log.substr(at, 5);
  }
  return {};
}

std::span<const char* const> nvrtc_options() { return kOptions; }

Result<Nvrtc> Nvrtc::open() {
  auto library = CudaLibrary::open(nvrtc_candidates(),
                                   "NVRTC (libnvrtc.so) is neither on the loader's search path nor under /usr/local/cuda nor in a PyPI wheel nvidia-cuda-nvrtc; FLEXC_NVRTC may name the file");
  if (!library) return std::unexpected(library.error());
  auto functions = std::make_shared<Functions>();
  bool complete = true;
  const auto load = [&]<class Function>(Function*& into, const char* name) {
    into = library->symbol<Function>(name);
    complete = complete && into != nullptr;
  };
  load(functions->version, "nvrtcVersion");
  load(functions->error_string, "nvrtcGetErrorString");
  load(functions->create, "nvrtcCreateProgram");
  load(functions->destroy, "nvrtcDestroyProgram");
  load(functions->compile, "nvrtcCompileProgram");
  load(functions->log_size, "nvrtcGetProgramLogSize");
  load(functions->log, "nvrtcGetProgramLog");
  load(functions->ptx_size, "nvrtcGetPTXSize");
  load(functions->ptx, "nvrtcGetPTX");
  load(functions->cubin_size, "nvrtcGetCUBINSize");
  load(functions->cubin, "nvrtcGetCUBIN");
  functions->architecture_count = library->symbol<int(int*)>("nvrtcGetNumSupportedArchs");
  functions->architectures = library->symbol<int(int*)>("nvrtcGetSupportedArchs");
  int major = 0, minor = 0;
  if (!complete || functions->version(&major, &minor) != 0)
    return std::unexpected(Error{ErrorKind::Environment, "the NVRTC that was found lacks functions of version 11.2 or later; FLEXC_NVRTC may name another"});
  Nvrtc nvrtc;
  nvrtc.path_ = library->path_of(reinterpret_cast<const void*>(functions->version));
  nvrtc.library_ = std::move(*library);
  nvrtc.functions_ = std::move(functions);
  nvrtc.version_ = fmt::format("{}.{}", major, minor);
  return nvrtc;
}

std::string Nvrtc::message(int status) const {
  const char* text = functions_->error_string(status);
  return text ? text : fmt::format("error {}", status);
}

Result<void> Nvrtc::check_architecture(std::string_view architecture) const {
  constexpr int kLeastWithVariants = 90;  // sm_90a is the first of its kind
  int count = 0;
  if (functions_->architecture_count == nullptr || functions_->architectures == nullptr || functions_->architecture_count(&count) != 0 || count <= 0) return {};
  std::vector<int> numbers(static_cast<std::size_t>(count));
  if (functions_->architectures(numbers.data()) != 0) return {};
  const auto is_meant = [&](int number) { return architecture == fmt::format("sm_{}", number) || (number >= kLeastWithVariants && architecture == fmt::format("sm_{}a", number)); };
  if (std::ranges::any_of(numbers, is_meant)) return {};
  return std::unexpected(Error{ErrorKind::Environment, fmt::format("NVRTC {} compiles for sm_{}, not for {}; FLEXC_NVRTC may name another", version_, fmt::join(numbers, ", sm_"), architecture)});
}

Result<CudaBinary> Nvrtc::compile(const CudaProgram& program) const {
  if (auto status = check_architecture(program.architecture); !status) return std::unexpected(status.error());
  std::vector<const char*> texts, names;
  for (const DeviceTemplate& file : device_templates()) {
    texts.push_back(file.text.data());
    names.push_back(file.name.data());
  }
  Functions::Program unit = nullptr;
  const auto count = static_cast<int>(texts.size());
  if (const int status = functions_->create(&unit, program.text.c_str(), program.name.c_str(), count, texts.data(), names.data()); status != 0)
    return std::unexpected(Error{ErrorKind::Internal, fmt::format("nvrtcCreateProgram({}): {}", program.name, message(status))});
  const std::string architecture = "--gpu-architecture=" + program.architecture;
  std::vector<const char*> options = {architecture.c_str()};
  options.insert(options.end(), std::begin(kOptions), std::end(kOptions));
  const int status = functions_->compile(unit, static_cast<int>(options.size()), options.data());
  CudaBinary binary;
  binary.log = fetch(functions_->log_size, functions_->log, unit);
  if (status == 0) {
    binary.ptx = fetch(functions_->ptx_size, functions_->ptx, unit);
    std::size_t size = 0;
    if (functions_->cubin_size(unit, &size) == 0) {
      binary.cubin.resize(size);
      if (functions_->cubin(unit, reinterpret_cast<char*>(binary.cubin.data())) != 0) binary.cubin.clear();
    }
  }
  if (!program.is_last) functions_->destroy(&unit);
  const auto internal = [&](const std::string& what) {
    return std::unexpected(Error{ErrorKind::Internal, fmt::format("NVRTC {} ({}) {} {}:\n{}", version_, program.architecture, what, program.name, binary.log)});
  };
  if (status != 0) return internal(fmt::format("rejects (\"{}\")", message(status)));
  if (binary.cubin.empty()) return internal("gives no cubin for");
  if (const std::string code = forbidden_message(binary.log); !code.empty()) return internal(code + " in");
  return binary;
}

}  // namespace flexc::runtime
