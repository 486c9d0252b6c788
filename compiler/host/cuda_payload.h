// A Hopper kernel as the bytes of a cache entry's payload: what a launch has to know, then the cubin.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "compiler/host/cuda_compile.h"

namespace flexc {

/// Raised by every change to the layout.
inline constexpr int kCudaPayloadSchema = 1;

/// All of `code` but its text, PTX and log.
std::vector<std::byte> encode_cuda_payload(const CudaKernelCode& code);

/// Nothing where the bytes are not exactly one payload whose cubin holds flexc's kernel: the entry's digest vouches for the bytes, not for who wrote them.
/// The report is read from the cubin again.
std::optional<CudaKernelCode> decode_cuda_payload(std::span<const std::byte> payload);

}  // namespace flexc
