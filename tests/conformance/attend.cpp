// Runs attention calls over the host API for tests that are written in Python: many calls a process, tensors of any strides.
//
// Request, one line of JSON, then the tensors' bytes one after another:
//   {"text": VARIANT, "consts": {NAME: TEXT}, "params": {NAME: NUMBER}, "dtype": "bf16", "device": "cpu", "scale": X or null, "q_offset": N, "kv_offset": N,
//    "q_step": N, "kv_step": N,
//    "threads": N, "pt": true (the oracle in rounded mode too), "max_scores": true (asked for; zeros otherwise),
//    "tensors": [{"name": "q", "capture": false, "dtype": "bf16", "bytes": N, "offset": N, "shape": [..], "strides": [..], "sparse": false}, ..]}
// A tensor is `shape` and `strides` from element `offset` of its bytes; a sparse one comes row-major and is laid out with `strides` in a
// mapping that has memory only where it is written.
// Answer, one line of JSON, then the bytes: {"out": N, "lse": N, "max_scores": N, "pt": N}, out as the kernel stores it, the rest
// in f32; or {"error": TEXT}; or {"skip": TEXT} where this machine has no room for a mapping.
#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "compiler/host/variant_impl.h"
#include "flexc/dsl/evaluate.h"
#include "flexc/flexc.h"
#include "flexc/io.h"
#include "runtime/kernel/bindings.h"

namespace {

using Json = nlohmann::json;
using namespace flexc;

struct Skip : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A tensor's memory: bytes as they came, or a sparse mapping.
class Memory {
 public:
  Memory(const Json& request, std::istream& input) : bytes_(request.at("bytes").get<std::size_t>() + kGuard) {
    input.read(bytes_.data(), static_cast<std::streamsize>(bytes_.size() - kGuard));
    if (!input) throw std::runtime_error("a tensor's bytes end early");
    const DType dtype = *dtype_from_name(request.at("dtype").get<std::string>());
    const auto shape = request.at("shape").get<std::vector<std::int64_t>>();
    const auto strides = request.at("strides").get<std::vector<std::int64_t>>();
    if (request.value("sparse", false)) spread(dtype, shape, strides);
    else view_ = TensorView(bytes_.data() + request.at("offset").get<std::size_t>() * size_of(dtype), dtype, shape, strides);
    view_.strides = strides;  // of a scalar too
  }
  ~Memory() {
    if (mapping_ != nullptr) munmap(mapping_, mapped_);
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  const TensorView& view() const { return view_; }

 private:
  static constexpr std::size_t kGuard = 8;  // an empty tensor has an address too

  void spread(DType dtype, const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& strides) {
    std::int64_t last = 0;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) last += std::max<std::int64_t>(0, shape[axis] - 1) * strides[axis];
    mapped_ = (static_cast<std::size_t>(last) + 1) * size_of(dtype);
    void* const memory = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw Skip("the system refuses a sparse mapping of " + std::to_string(mapped_) + " bytes");
    mapping_ = static_cast<char*>(memory);
    view_ = TensorView(mapping_, dtype, shape, strides);
    const std::int64_t count = view_.element_count();
    std::vector<std::int64_t> at(shape.size());
    for (std::int64_t element = 0; element < count; ++element) {
      std::int64_t place = 0;
      for (std::size_t axis = 0; axis < shape.size(); ++axis) place += at[axis] * strides[axis];
      std::memcpy(mapping_ + static_cast<std::size_t>(place) * size_of(dtype), bytes_.data() + static_cast<std::size_t>(element) * size_of(dtype), size_of(dtype));
      for (std::size_t axis = shape.size(); axis-- > 0 && ++at[axis] == shape[axis];) at[axis] = 0;
    }
  }

  std::vector<char> bytes_;
  char* mapping_ = nullptr;
  std::size_t mapped_ = 0;
  TensorView view_;
};

std::string text_of(const Tensor& tensor) { return {reinterpret_cast<const char*>(tensor.as<char>()), tensor.byte_count()}; }

/// The oracle in rounded mode, as f32 (which holds every value of the 16-bit types).
Tensor rounded_oracle(const Variant& variant, const RunArguments& arguments, DType dtype) {
  const auto& form = variant.impl().form;
  if (!form) throw std::runtime_error("the variant has undeclared captures");
  const auto& q = arguments.q.shape;
  const auto total = [](const PositionMap& positions, std::int64_t length) {
    std::int64_t end = 0;
    positions.fits(length, &end);  // the kernel has run with them
    return std::max<std::int64_t>(0, end);
  };
  const PositionMap q_positions{arguments.q_offset, arguments.q_step}, kv_positions{arguments.kv_offset, arguments.kv_step};
  const auto environment = bind(*form, arguments.captures, {q[0], q[1], arguments.k.shape[1], total(q_positions, q[2]), total(kv_positions, arguments.k.shape[2])});
  if (!environment) throw std::runtime_error(environment.error().message);
  Tensor out(f32, arguments.out.shape);
  dsl::AttentionCall call;
  call.q = arguments.q, call.k = arguments.k, call.v = arguments.v, call.sink = arguments.sink, call.out = out.view();
  call.scale = arguments.scale.value_or(1 / std::sqrt(static_cast<double>(q[3])));
  call.q_offset = arguments.q_offset, call.kv_offset = arguments.kv_offset;
  call.q_step = arguments.q_step, call.kv_step = arguments.kv_step;
  call.mode = dsl::OracleMode::Rounded;
  call.rounded_dtype = dtype;
  if (const auto status = dsl::evaluate_attention(*form, *environment, call); !status) throw std::runtime_error(status.error().message);
  return out;
}

class Attend {
 public:
  void answer(const Json& request, std::istream& input, std::ostream& output) {
    // All of the request is read before anything can go wrong with it, so that the next one is found.
    std::vector<std::unique_ptr<Memory>> memories;
    std::map<std::string, TensorView> tensors;
    RunArguments arguments;
    std::string skipped;
    for (const Json& tensor : request.at("tensors")) {
      try {
        memories.push_back(std::make_unique<Memory>(tensor, input));
      } catch (const Skip& skip) {
        skipped = skip.what();
        continue;
      }
      const auto name = tensor.at("name").get<std::string>();
      if (tensor.at("capture").get<bool>()) arguments.captures.set(name, memories.back()->view());
      else tensors.emplace(name, memories.back()->view());
    }
    if (!skipped.empty()) {
      output << Json{{"skip", skipped}}.dump() << std::endl;
      return;
    }
    try {
      arguments.q = tensors.at("q"), arguments.k = tensors.at("k"), arguments.v = tensors.at("v");
      if (tensors.contains("sink")) arguments.sink = tensors.at("sink");
      run(request, arguments, output);
    } catch (const std::exception& problem) {
      output << Json{{"error", problem.what()}}.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
    }
  }

 private:
  void run(const Json& request, RunArguments& arguments, std::ostream& output) {
    ParseOptions parse;
    for (const auto& [name, text] : request.at("consts").items()) parse.consts[name] = text.get<std::string>();
    const auto variant = Variant::parse(request.at("text").get<std::string>(), parse);
    if (!variant) throw std::runtime_error(variant.error().render());
    const DType dtype = *dtype_from_name(request.at("dtype").get<std::string>());
    CompileOptions options{.dtype = dtype, .head_dim = arguments.q.shape[3], .value_dim = arguments.v.shape[3]};
    options.device = request.at("device") == "oracle" ? Device::oracle() : request.at("device") == "model" ? Device::model() : Device::cpu();
    const auto kernel = engine_.compile(*variant, options);
    if (!kernel) throw std::runtime_error(kernel.error().error.message);

    for (const auto& [name, value] : request.at("params").items()) {
      if (value.is_number_integer()) arguments.captures.set_param(name, value.get<std::int64_t>());
      else arguments.captures.set_param(name, value.get<double>());
    }
    const auto& q = arguments.q.shape;
    Tensor out(dtype, {q[0], q[1], q[2], arguments.v.shape[3]}), lse(f32, {q[0], q[1], q[2]}), most(f32, {q[0], q[1], q[2]}), pt;
    arguments.out = out.view(), arguments.lse = lse.view();
    if (request.at("max_scores").get<bool>()) arguments.max_scores = most.view();
    if (!request.at("scale").is_null()) arguments.scale = request.at("scale").get<double>();
    arguments.q_offset = request.at("q_offset").get<std::int64_t>();
    arguments.kv_offset = request.at("kv_offset").get<std::int64_t>();
    arguments.q_step = request.at("q_step").get<std::int64_t>(), arguments.kv_step = request.at("kv_step").get<std::int64_t>();
    arguments.threads = request.at("threads").get<int>();
    if (const auto status = (*kernel)->run(arguments); !status) throw std::runtime_error(status.error().message);
    if (request.at("pt").get<bool>()) pt = rounded_oracle(*variant, arguments, dtype);
    const std::string parts[] = {text_of(out), text_of(lse), text_of(most), pt.view().absent() ? "" : text_of(pt)};
    output << Json{{"out", parts[0].size()}, {"lse", parts[1].size()}, {"max_scores", parts[2].size()}, {"pt", parts[3].size()}}.dump() << "\n";
    for (const std::string& part : parts) output << part;
    output.flush();
  }

  Engine engine_;
};

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  Attend attend;
  for (std::string line; std::getline(std::cin, line);) attend.answer(Json::parse(line), std::cin, std::cout);
}
