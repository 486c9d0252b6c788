// What a bundle holds: the table in front of its blobs, as structs and as JSON.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
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

/// Outputs and inputs of a call that a kernel may be compiled with, and positions in other steps than 1, by the names of `flexc compile --features`. The CPU has
/// them all; without the last, the plain kernel takes such calls on CUDA.
inline constexpr std::string_view kStepsFeature = "steps";
inline constexpr std::array<std::string_view, 4> kBundleFeatures = {"lse", "max_scores", "sink", kStepsFeature};

/// Number of a blob in the bundle.
using BlobIndex = std::uint32_t;

/// One member of the CPU's code: a relocatable object for runtime/loader. It serves every dtype and head dim.
struct BundledCpuMember {
  CpuLevel level = CpuLevel::X86_64_v3;
  Member member = Member::Narrow;
  std::uint32_t assumptions = 0;  ///< Assumption bits
  BlobIndex object = 0;
};

/// One member of a CUDA kernel, for one dtype and one head dim: the unit's text, hooks and all, and the cubin where NVRTC was there.
struct BundledCudaMember {
  std::string machine;  ///< kCubinMachine for the Hopper kernel, kStepsMachine for the one in steps, kSimtMachine for the plain one
  DType dtype = DType::BF16;
  std::int64_t head_dim = 0;
  Member member = Member::Narrow;
  BlobIndex launch = 0;  ///< what a launch has to know of it: runtime/cuda/member_bytes.h
  BlobIndex source = 0;
  std::optional<BlobIndex> cubin = {};
};
/// The machine whose cubins bundles have: one GPU by three names, for the Hopper kernel, for that of positions in steps, and for the plain one (templates/simt),
/// which is the careful path of both, too.
inline constexpr std::string_view kCubinMachine = "sm_90a", kStepsMachine = "sm_90a in steps", kSimtMachine = "sm_90";

struct BundledKernels {
  std::string name;
  std::array<std::uint64_t, 2> hash{};  ///< of the normal form
  bool has_score_mod = false, has_mask_mod = false;
  Signature signature;
  BlobIndex tile_program = 0;
  std::vector<BundledCpuMember> cpu;
  std::vector<BundledCudaMember> cuda;
};

struct BundleContents {
  std::string made_by;  ///< flexc's version
  std::string machine;  ///< of the CPU's objects: "x86-64"
  std::uint32_t row_abi = 0;
  std::string launch_interface;  ///< of the CUDA kernels: launch_interface()
  bool for_cpu = true, for_cuda = true;  ///< what it was compiled for; a dtype or head dim may have no CUDA kernel all the same
  std::vector<DType> dtypes;
  std::vector<std::int64_t> head_dims;
  std::vector<std::string> features;
  /// Cubins of the kernels beside attention (runtime/cuda/helper_kernels.h), where there is a cubin at all.
  struct Helpers {
    BlobIndex combine = 0, copy = 0;
  };
  std::optional<Helpers> helpers = {};
  std::vector<BundledKernels> variants;
  std::vector<std::uint64_t> blob_bytes;  ///< sizes; blobs follow each other without gaps
};

/// 16 digits that change with the headers that say what a launch and a cubin agree on (templates/hopper/launch.h, combine.h, copy.h, templates/simt/arguments.h): cubins of others are
/// refused.
std::string launch_interface();

/// One line a variant; equal contents give equal text.
std::string print_contents(const BundleContents& contents);

/// The inverse. The digest vouches for the bytes and not for who wrote them, so nothing is taken on trust: types, ranges, names, and that the
/// blobs are as long as they say, `blobs_size` in all. Errors of kind Input, in words that fit behind a file's name.
Result<BundleContents> parse_contents(std::string_view table, std::uint64_t blobs_size);

}  // namespace flexc::runtime
