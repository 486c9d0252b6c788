// A Hopper kernel as the bytes of a cache entry's payload: a format number, spilled bytes, what a launch has to know
// (runtime/cuda/member_bytes.h), the cubin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "compiler/host/cuda_compile.h"

namespace flexc {

/// The payload's first word; raised by every change to the layout, but for the member's, which has a format of its own. A payload of another number is
/// never read: the kernel is compiled again.
inline constexpr std::uint32_t kCubinPayloadFormat = 2;

/// All of `code` but its text, PTX and log.
std::vector<std::byte> encode_cuda_payload(const CudaKernelCode& code);

/// Nothing where the bytes are not exactly one payload whose cubin holds flexc's kernel: the entry's digest vouches for the bytes, not for who wrote them.
/// The report is read from the cubin again.
std::optional<CudaKernelCode> decode_cuda_payload(std::span<const std::byte> payload);

}  // namespace flexc
