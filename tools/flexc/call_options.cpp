#include "tools/flexc/call_options.h"

#include <cmath>

#include <fmt/format.h>

#include "flexc/gallery.h"
#include "tools/flexc/failure.h"

namespace flexc::cli {
namespace {

constexpr std::int64_t kMaxThreads = 4096;

}  // namespace

void SeedOption::add_to(CLI::App& app, const std::string& help) { add_text(app, "--seed", text, "N", help); }

void SeedOption::check() {
  if (!text) return;
  const std::int64_t seed = parse_integer("--seed", *text);
  if (seed < 0) usage_error(fmt::format("--seed {}: must not be negative", seed));
  value = static_cast<std::uint64_t>(seed);
}

void RandomOptions::add_to(CLI::App& app, const std::string& help) {
  add_text(app, "--random", text, std::string(kForm), help);
  seed.add_to(app, "Seed of --random (default 0)");
}

void RandomOptions::check() {
  if (seed.text && !text) usage_error("--seed goes with --random");
  if (text) {
    extents = parse_integers("--random", *text, kForm, 7, 7);
    for (const std::int64_t extent : extents)
      if (extent < 0) usage_error(fmt::format("--random {}: {} is negative", *text, extent));
  }
  seed.check();
}

void ExecutionOptions::add_to(CLI::App& app, const std::string& dtype_help) {
  add_text(app, "--dtype", dtype_text, "f32|f16|bf16", dtype_help);
  add_text(app, "--device", device_text, "auto|cpu|cuda|model|oracle", "Where to run (default auto)");
  add_text(app, "--threads", threads_text, "N", "Threads (default: all cores); changes no bit");
}

void ExecutionOptions::check() {
  dtype = parse_dtype(dtype_text);
  device = parse_device(device_text);
  if (!threads_text) return;
  const std::int64_t count = parse_integer("--threads", *threads_text);
  if (count < 1 || count > kMaxThreads) usage_error(fmt::format("--threads {}: must lie between 1 and {}", count, kMaxThreads));
  threads = static_cast<int>(count);
}

void ScaleOption::add_to(CLI::App& app) { add_text(app, "--scale", text, "X", "Factor on q·k (default 1/sqrt(D))"); }

void ScaleOption::check() {
  if (!text) return;
  value = parse_number("--scale", *text);
  if (!std::isfinite(*value)) usage_error(fmt::format("--scale {}: must be finite", *text));
}

std::vector<std::pair<std::string, std::string>> input_files(const VariantOptions& variant, const BindingOptions& bindings) {
  std::vector<std::pair<std::string, std::string>> files;
  if (variant.variant && *variant.variant != "-" && !find_gallery_entry(*variant.variant)) files.emplace_back("VARIANT", *variant.variant);
  for (const auto& [name, file] : bindings.captures) files.emplace_back("--capture " + name, file);
  return files;
}

}  // namespace flexc::cli
