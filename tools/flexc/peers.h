// bench --compare: other systems on the same inputs, each in a process of its own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace flexc::cli {

/// The text of tools/compare/peer.py.
std::string_view peer_script();

/// A peer's process: it prepares the call, then computes it whenever it is asked to, and sleeps between.
class Peer {
 public:
  /// Starts `python` with the script on what `flexc bench --save` wrote to `folder`. `peer` is flex_attention or sdpa. Waits until it is
  /// ready. A peer that cannot take part has a reason in unavailable(); a Python that cannot be started is a Failure.
  Peer(const std::string& python, const std::string& folder, const std::string& peer, int threads);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  const std::string& name() const { return name_; }
  const std::string& version() const { return version_; }
  double first_call_s() const { return first_call_s_; }                ///< preparation and the first call: compilation
  const std::string& unavailable() const { return unavailable_; }  ///< empty: it takes part
  bool takes_part() const { return unavailable_.empty(); }

  /// Seconds of one call. Nothing where it has failed since, and unavailable() says why.
  std::optional<double> run();
  /// The largest distance of an element from the output in the .npy file at `path`, over that output's largest element.
  std::optional<double> relative_difference(const std::string& path);

 private:
  struct Process;
  std::unique_ptr<Process> process_;
  std::string name_, version_, unavailable_;
  double first_call_s_ = 0;
};

}  // namespace flexc::cli
