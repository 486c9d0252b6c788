// What a launch has to know of a CUDA kernel, as bytes: in the payload of a cached cubin, in a bundle, and in a case of the GPU kit.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "runtime/cuda/hopper_member.h"
#include "runtime/kernel/members.h"

namespace flexc::runtime {

/// Raised by every change to the bytes, a launch program's apart, which have a version of their own.
inline constexpr std::uint32_t kMemberFormat = 3;

/// A member and what its code assumes of a call.
struct DescribedMember {
  HopperMember member;
  Manifest manifest;
};

std::vector<std::byte> serialize(const DescribedMember& described);
/// The inverse. Bytes that are damaged, of another format, or that describe no kernel that could be launched are an error of kind Input.
Result<DescribedMember> deserialize_member(std::span<const std::byte> bytes);

/// Nothing if the machine code takes what the description says it is passed; else an error of kind Input: a kernel that takes more bytes would read what lies behind them.
Result<void> check_parameters(std::span<const std::byte> cubin, const HopperMember& member);

}  // namespace flexc::runtime
