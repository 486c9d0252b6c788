#include "compiler/host/cuda_payload.h"

#include <utility>

#include "runtime/cuda/member_bytes.h"
#include "runtime/io/byte_numbers.h"

namespace flexc {

std::vector<std::byte> encode_cuda_payload(const CudaKernelCode& code) {
  std::vector<std::byte> out;
  runtime::put(out, kCubinPayloadFormat);
  runtime::put(out, std::uint32_t{code.spill_bytes});
  runtime::put_block(out, runtime::serialize(code));
  runtime::put_block(out, code.cubin);
  return out;
}

std::optional<CudaKernelCode> decode_cuda_payload(std::span<const std::byte> payload) {
  runtime::ByteReader in(payload);
  if (in.take<std::uint32_t>() != kCubinPayloadFormat) return std::nullopt;
  CudaKernelCode code;
  code.spill_bytes = in.take<std::uint32_t>();
  const auto member = in.take_block(), cubin = in.take_block();
  if (!in.done()) return std::nullopt;
  auto described = runtime::deserialize_member(member);
  if (!described) return std::nullopt;
  code.member = std::move(described->member);
  code.manifest = described->manifest;
  code.cubin.assign(cubin.begin(), cubin.end());
  auto report = runtime::read_cubin(code.cubin);
  if (!report || report->kernel != runtime::entry_of(code.member.kernel)) return std::nullopt;
  code.report = std::move(*report);
  return code;
}

}  // namespace flexc
