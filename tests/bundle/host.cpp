// A host that has never seen the compiler: it links flexc::runtime alone, loads a bundle and runs one of its kernels.
//   bundle_host BUNDLE VARIANT                      one small call on numbers of its own
//   bundle_host BUNDLE VARIANT Q K V OUT [NAME=F]…  tensors from and to .npy files
#include <cstdio>
#include <string>
#include <vector>

#include "flexc/engine.h"
#include "flexc/io.h"
#include "flexc/random.h"

namespace {

int fail(const std::string& message) {
  std::fprintf(stderr, "bundle_host: %s\n", message.c_str());
  return 1;
}

int run_once(const flexc::Kernel& kernel) {
  flexc::Tensor q(flexc::f32, {1, 2, 16, 64}), k(flexc::f32, {1, 2, 16, 64}), v(flexc::f32, {1, 2, 16, 64}), out(flexc::f32, {1, 2, 16, 64});
  flexc::fill_normal(q.view(), 1, "q");
  flexc::fill_normal(k.view(), 1, "k");
  flexc::fill_normal(v.view(), 1, "v");
  const auto status = kernel.run({.q = q.view(), .k = k.view(), .v = v.view(), .out = out.view(), .threads = 1});
  return status ? 0 : fail(status.error().message);
}

int run_files(const flexc::Kernel& kernel, int count, char** files) {
  flexc::RunArguments arguments;
  std::vector<flexc::LoadedTensor> inputs;
  for (int i = 0; i < 3; ++i) {
    auto loaded = flexc::load_tensor(files[i]);
    if (!loaded) return fail(loaded.error().message);
    inputs.push_back(std::move(*loaded));
  }
  arguments.q = inputs[0].tensor.view(), arguments.k = inputs[1].tensor.view(), arguments.v = inputs[2].tensor.view();
  flexc::Tensor out(flexc::f32, {arguments.q.shape[0], arguments.q.shape[1], arguments.q.shape[2], arguments.v.shape[3]});
  arguments.out = out.view();
  std::vector<flexc::LoadedTensor> captures;
  for (int i = 4; i < count; ++i) {
    const std::string binding = files[i];
    auto loaded = flexc::load_tensor(binding.substr(binding.find('=') + 1));
    if (!loaded) return fail(loaded.error().message);
    captures.push_back(std::move(*loaded));
    arguments.captures.set(binding.substr(0, binding.find('=')), captures.back().tensor.view());
  }
  if (const auto status = kernel.run(arguments); !status) return fail(status.error().message);
  flexc::OutputFiles output;
  if (const auto status = output.stage(files[3], flexc::npy_bytes(out.view())); !status) return fail(status.error().message);
  if (const auto status = output.commit(); !status) return fail(status.error().message);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc < 7) return fail("usage: bundle_host BUNDLE VARIANT [Q K V OUT [NAME=F]...]");
  flexc::Engine engine;
  const auto bundle = engine.load_bundle(argv[1]);
  if (!bundle) return fail(bundle.error().message);
  const auto kernel = bundle->kernel(argv[2], {.dtype = flexc::f32, .head_dim = 64});
  if (!kernel) return fail(kernel.error().message);
  return argc == 3 ? run_once(**kernel) : run_files(**kernel, argc - 3, argv + 3);
}
