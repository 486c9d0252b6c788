// What `flexc bench` found, as a table and as JSON.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "flexc/flexc.h"

namespace flexc::cli {

/// Figures of several calls, which need not be sorted.
class Sample {
 public:
  void add(double value);
  bool empty() const { return values_.empty(); }
  std::size_t size() const { return values_.size(); }
  double least() const { return values_.front(); }
  double most() const { return values_.back(); }
  double median() const { return quantile(0.5); }
  /// The value below which `share` of all lies, interpolated.
  double quantile(double share) const;

 private:
  std::vector<double> values_;  ///< sorted
};

/// Another system's calls, each right after one of flexc's.
struct PeerReport {
  std::string name, version;
  std::string unavailable;  ///< why it took no part; then nothing else counts
  Sample seconds;
  double first_call_s = 0;
  double relative_difference = 0;  ///< of its output from flexc's, over the largest element
};

struct BenchReport {
  std::string variant;
  Device device = Device::cpu();
  std::string kernel;  ///< as Kernel::kernel_of names it
  DType dtype = f32;
  std::array<std::int64_t, 7> shape{};  ///< B, H, HKV, Q, KV, D, DV
  int threads = 1;
  bool pinned = false;
  std::int64_t kept_pairs = 0;
  std::optional<double> compile_s;
  std::optional<std::string> saved;  ///< where the inputs were written
  Sample seconds;                    ///< of flexc's calls
  Sample peak_shares;                ///< rate over kept pairs, over the peak measured beside that call; empty: not measured
  double peak_gflops = 0;            ///< the largest measured
  Sample read_shares;                ///< K's and V's bytes a second, over what the machine read beside that call; empty: not measured
  double read_bytes_per_s = 0;       ///< the most that the machine read
  std::optional<double> mask_build_s;  ///< of the block mask, outside of the calls; nothing where they had none
  std::vector<PeerReport> peers;

  /// Rate over kept pairs of a call of so many seconds.
  double gflops(double call_seconds) const;
  /// Bytes of K and V a second, in a call of so many seconds.
  double kv_bytes_per_s(double call_seconds) const;
};

nlohmann::ordered_json to_json(const BenchReport& report);
std::string to_table(const BenchReport& report);

}  // namespace flexc::cli
