#include "compiler/host/cuda_payload.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

namespace flexc {
namespace {

using compiler::HookWords;

/// More pieces than any Params struct has: bounds what a reader allocates.
constexpr std::uint32_t kMostPieces = 1 << 20;

// Numbers are 32-bit, little-endian; a text or a block is its length and its bytes.
class Writer {
 public:
  template <class... Numbers>
  void numbers(Numbers... values) {
    (number(static_cast<std::uint32_t>(values)), ...);
  }
  void block(std::span<const std::byte> bytes) {
    numbers(bytes.size());
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }
  std::vector<std::byte> take() { return std::move(out_); }

 private:
  void number(std::uint32_t value) {
    for (unsigned shift = 0; shift < 32; shift += 8) out_.push_back(static_cast<std::byte>(value >> shift));
  }
  std::vector<std::byte> out_;
};

/// Reads nothing beyond the end: what is missing is 0, and `fits` says so.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : left_(bytes) {}
  std::uint32_t number() {
    std::uint32_t value = 0;
    const auto bytes = take(sizeof value);
    for (std::size_t i = 0; i < bytes.size(); ++i) value |= std::to_integer<std::uint32_t>(bytes[i]) << (8 * i);
    return value;
  }
  std::span<const std::byte> block() { return take(number()); }
  bool fits() const { return fits_; }
  bool at_end() const { return fits_ && left_.empty(); }

 private:
  std::span<const std::byte> take(std::size_t size) {
    if (size > left_.size()) {
      fits_ = false;
      return {};
    }
    const auto taken = left_.first(size);
    left_ = left_.subspan(size);
    return taken;
  }
  std::span<const std::byte> left_;
  bool fits_ = true;
};

}  // namespace

std::vector<std::byte> encode_cuda_payload(const CudaKernelCode& code) {
  const compiler::CudaHooks& hooks = code.hooks;
  Writer out;
  const runtime::HopperMember& member = code.member;
  out.numbers(member.tile.element, member.tile.m, member.tile.n, member.tile.d, member.tile.dv, member.threads, member.dynamic_smem_bytes, code.spill_bytes);
  out.numbers(hooks.score_class, hooks.has_mask, hooks.has_band, hooks.column_words, hooks.param_words, hooks.manifest.assumptions, hooks.params.size());
  for (const HookWords& piece : hooks.params) out.numbers(piece.kind, piece.index, piece.count);
  out.block(std::as_bytes(std::span(hooks.text)));
  out.block(runtime::serialize(hooks.launch));
  out.block(code.cubin);
  return out.take();
}

std::optional<CudaKernelCode> decode_cuda_payload(std::span<const std::byte> payload) {
  CudaKernelCode code;
  compiler::CudaHooks& hooks = code.hooks;
  Reader in(payload);
  runtime::HopperMember& member = code.member;
  member.tile.element = static_cast<device::Element>(in.number());
  for (unsigned* const size : {&member.tile.m, &member.tile.n, &member.tile.d, &member.tile.dv, &member.threads, &member.dynamic_smem_bytes, &code.spill_bytes}) *size = in.number();
  hooks.score_class = static_cast<compiler::ScoreClass>(in.number());
  hooks.has_mask = in.number() != 0;
  hooks.has_band = in.number() != 0;
  hooks.column_words = in.number();
  hooks.param_words = in.number();
  hooks.manifest.assumptions = in.number();
  const std::uint32_t pieces = in.number();
  if (!in.fits() || pieces > kMostPieces) return std::nullopt;
  for (std::uint32_t i = 0; i < pieces && in.fits(); ++i) {
    HookWords& piece = hooks.params.emplace_back();
    piece.kind = static_cast<HookWords::Kind>(in.number());
    piece.index = in.number();
    piece.count = in.number();
  }
  const auto text = in.block(), launch = in.block(), cubin = in.block();
  if (!in.at_end()) return std::nullopt;
  auto program = runtime::deserialize_launch_program(launch);
  if (!program) return std::nullopt;
  hooks.launch = std::move(*program);
  member.score_class = hooks.score_class, member.has_band = hooks.has_band, member.has_mask = hooks.has_mask;
  member.params = hooks.params, member.param_words = hooks.param_words, member.launch = hooks.launch;
  hooks.text.assign(reinterpret_cast<const char*>(text.data()), text.size());
  code.cubin.assign(cubin.begin(), cubin.end());
  auto report = runtime::read_cubin(code.cubin);
  if (!report || report->kernel != runtime::kHopperKernel) return std::nullopt;
  code.report = std::move(*report);
  return code;
}

}  // namespace flexc
