// Options of an attention call that several verbs share: what is drawn, and where and how it runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/flexc/options.h"

namespace flexc::cli {

/// --seed: a number that is not negative.
struct SeedOption {
  std::optional<std::string> text;
  std::uint64_t value = 0;

  void add_to(CLI::App& app, const std::string& help);
  void check();
};

/// --random B,H,HKV,Q,KV,D,DV and the seed of its draws.
struct RandomOptions {
  std::optional<std::string> text;
  std::vector<std::int64_t> extents;  ///< the seven numbers, none negative; empty where --random was not given
  SeedOption seed;

  static constexpr std::string_view kForm = "B,H,HKV,Q,KV,D,DV";
  void add_to(CLI::App& app, const std::string& help);
  void check();
};

/// --dtype, --device, --threads.
struct ExecutionOptions {
  std::optional<std::string> dtype_text, device_text, threads_text;
  std::optional<DType> dtype;
  Device device = {};
  int threads = 0;  ///< 0: all cores

  void add_to(CLI::App& app, const std::string& dtype_help);
  void check();
};

/// --scale: a finite number.
struct ScaleOption {
  std::optional<std::string> text;
  std::optional<double> value;

  void add_to(CLI::App& app);
  void check();
};

/// The files that a call reads before any of its tensors: the variant's, where it is one, and the captures'. For check_outputs.
std::vector<std::pair<std::string, std::string>> input_files(const VariantOptions& variant, const BindingOptions& bindings);

}  // namespace flexc::cli
