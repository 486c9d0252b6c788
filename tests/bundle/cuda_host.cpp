// A host of flexc::runtime alone, on a GPU: bundle_cuda_host BUNDLE OUT LSE [Q_OFFSET]. It asks the bundle for `window`, copies a call of tests/cuda/gpu_call.h
// to the GPU, launches, and writes what came back as raw bytes.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "flexc/engine.h"
#include "flexc/io.h"
#include "tests/cuda/gpu_call.h"

namespace {

int fail(const std::string& message) {
  std::fprintf(stderr, "bundle_cuda_host: %s\n", message.c_str());
  return 1;
}

std::string_view raw(const flexc::Tensor& tensor) { return {static_cast<const char*>(tensor.view().data), tensor.byte_count()}; }

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) return fail("usage: bundle_cuda_host BUNDLE OUT LSE [Q_OFFSET]");
  flexc::Engine engine;
  const auto bundle = engine.load_bundle(argv[1]);
  if (!bundle) return fail(bundle.error().message);
  const auto kernel = bundle->kernel("window", {.dtype = flexc::bf16, .head_dim = 64});
  if (!kernel) return fail(kernel.error().message);
  if ((*kernel)->device().kind != flexc::Device::Kind::Cuda) return fail("automatic is not the GPU");
  const auto memory = flexc::CudaMemory::open();
  if (!memory) return fail(memory.error().message);
  flexc::test::HostCall host;
  auto call = flexc::test::GpuCall::copy(*memory, host);
  if (!call) return fail(call.error().message);
  if (argc == 5) call->arguments.q_offset = std::atoll(argv[4]);
  if (const auto status = (*kernel)->run(call->arguments); !status) return fail(status.error().message);
  if (const auto status = memory->copy_back(call->out, host.out.view()); !status) return fail(status.error().message);
  if (const auto status = memory->copy_back(call->lse, host.lse.view()); !status) return fail(status.error().message);
  flexc::OutputFiles files;
  for (const auto& [path, tensor] : {std::pair(argv[2], &host.out), std::pair(argv[3], &host.lse)})
    if (const auto status = files.stage(path, raw(*tensor)); !status) return fail(status.error().message);
  if (const auto status = files.commit(); !status) return fail(status.error().message);
  return 0;
}
