// What a bundle holds: the table in front of its blobs, as structs and as JSON.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flexc/dtype.h"
#include "flexc/error.h"
#include "flexc/runtime/signature.h"
#include "runtime/kernel/members.h"
#include "runtime/loader/cpu_level.h"

namespace flexc::runtime {

/// Outputs and inputs of a call that a kernel may be compiled with, by the names of `flexc compile --features`. The CPU has them all.
inline constexpr std::array<std::string_view, 3> kBundleFeatures = {"lse", "max_scores", "sink"};

/// Number of a blob in the bundle.
using BlobIndex = std::uint32_t;

/// One member of the CPU's code: a relocatable object for runtime/loader. It serves every dtype and head dim.
struct BundledCpuMember {
  CpuLevel level = CpuLevel::X86_64_v3;
  Member member = Member::Narrow;
  std::uint32_t assumptions = 0;  ///< Assumption bits
  BlobIndex object = 0;
};

/// A run of 64-bit words of a CUDA kernel's Params, in the order of the struct (docs/contracts.md, templates/hooks.cuh): problem, scales, capture,
/// param, fresh_dim, launch or divisor; which one; how many words.
struct BundledParamWords {
  std::string kind;
  std::uint32_t index = 0, count = 0;
};

/// One CUDA kernel: the unit's text, which NVRTC can compile anew on a machine that has it, and the cubin where NVRTC was there.
struct BundledCudaKernel {
  std::string machine;  ///< "sm_90a"
  DType dtype = DType::BF16;
  std::int64_t head_dim = 0;
  Member member = Member::Narrow;
  std::uint32_t assumptions = 0;
  std::string entry;  ///< of the kernel in the cubin
  std::uint32_t threads = 0, dynamic_smem_bytes = 0;  ///< of a CTA
  bool has_band = false;
  std::string score_class;  ///< "identity", "affine" or "general"
  std::vector<BundledParamWords> params;
  bool has_cubin = false;
  BlobIndex source = 0, cubin = 0;
};

struct BundledKernels {
  std::string name;
  std::array<std::uint64_t, 2> hash{};  ///< of the normal form
  bool has_score_mod = false, has_mask_mod = false;
  Signature signature;
  BlobIndex tile_program = 0;
  std::vector<BundledCpuMember> cpu;
  std::vector<BundledCudaKernel> cuda;
};

struct BundleContents {
  std::string made_by;  ///< flexc's version
  std::string machine;  ///< of the CPU's objects: "x86-64"
  std::uint32_t row_abi = 0;
  std::vector<DType> dtypes;
  std::vector<std::int64_t> head_dims;
  std::vector<std::string> features;
  std::vector<BundledKernels> variants;
  std::vector<std::uint64_t> blob_bytes;  ///< sizes; blobs follow each other without gaps
};

/// One line a variant; equal contents give equal text.
std::string print_contents(const BundleContents& contents);

/// The inverse. The digest vouches for the bytes and not for who wrote them, so nothing is taken on trust: types, ranges, names, and that the
/// blobs are as long as they say, `blobs_size` in all. Errors of kind Input, in words that fit behind a file's name.
Result<BundleContents> parse_contents(std::string_view table, std::uint64_t blobs_size);

}  // namespace flexc::runtime
