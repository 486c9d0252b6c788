#include "tools/flexc/bench_report.h"

#include <algorithm>

#include <fmt/format.h>

#include "tools/flexc/output.h"

namespace flexc::cli {
namespace {

constexpr double kGiga = 1e9;
constexpr const char* kExtents[] = {"B", "H", "HKV", "Q", "KV", "D", "DV"};

nlohmann::ordered_json shape_json(const BenchReport& report) {
  nlohmann::ordered_json json;
  for (std::size_t i = 0; i < report.shape.size(); ++i) json[kExtents[i]] = report.shape[i];
  return json;
}

void add_spread(nlohmann::ordered_json& json, const Sample& seconds) {
  json["max_s"] = seconds.most();
  json["quartiles_s"] = {seconds.quantile(0.25), seconds.quantile(0.75)};
}

std::string line(std::string_view label, const std::string& text) { return fmt::format("{:<9}{}\n", label, text); }

template <class Text>
std::string row(std::string_view label, const Sample& sample, const Text& text, const std::string& remark) {
  return fmt::format("{:<9}{:>10}{:>10}{:>10}{:>10}{:>10}   {}\n", label, text(sample.median()), text(sample.least()), text(sample.quantile(0.25)),
                     text(sample.quantile(0.75)), text(sample.most()), remark);
}

}  // namespace

void Sample::add(double value) { values_.insert(std::ranges::upper_bound(values_, value), value); }

double Sample::quantile(double share) const {
  const double place = share * static_cast<double>(values_.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, values_.size() - 1);
  return values_[below] + (place - static_cast<double>(below)) * (values_[above] - values_[below]);
}

double BenchReport::gflops(double call_seconds) const {
  return call_seconds > 0 ? 2.0 * static_cast<double>(shape[5] + shape[6]) * static_cast<double>(kept_pairs) / call_seconds / kGiga : 0;
}

double BenchReport::kv_bytes_per_s(double call_seconds) const {
  const double elements = static_cast<double>(shape[0]) * static_cast<double>(shape[2]) * static_cast<double>(shape[4]) * static_cast<double>(shape[5] + shape[6]);
  return call_seconds > 0 ? elements * static_cast<double>(size_of(dtype)) / call_seconds : 0;
}

nlohmann::ordered_json to_json(const BenchReport& report) {
  nlohmann::ordered_json json = {{"variant", report.variant}, {"device", name_of(report.device)}, {"dtype", name_of(report.dtype)}, {"shape", shape_json(report)}};
  json["median_s"] = report.seconds.median();
  json["min_s"] = report.seconds.least();
  json["gflops"] = report.gflops(report.seconds.median());
  json["compile_s"] = nullptr;
  if (report.compile_s) json["compile_s"] = *report.compile_s;
  add_spread(json, report.seconds);
  json["kernel"] = report.kernel;
  json["repeat"] = report.seconds.size();
  json["threads"] = report.threads;
  json["pinned"] = report.pinned;
  json["kept_pairs"] = report.kept_pairs;
  if (!report.peak_shares.empty()) {
    json["peak_gflops"] = report.peak_gflops;
    json["peak_share"] = report.peak_shares.median();
    json["peak_share_quartiles"] = {report.peak_shares.quantile(0.25), report.peak_shares.quantile(0.75)};
  }
  if (!report.read_shares.empty()) {
    json["read_bytes_per_s"] = report.read_bytes_per_s;
    json["kv_bytes_per_s"] = report.kv_bytes_per_s(report.seconds.median());
    json["read_share"] = report.read_shares.median();
    json["read_share_quartiles"] = {report.read_shares.quantile(0.25), report.read_shares.quantile(0.75)};
  }
  if (report.mask_build_s) json["mask_build_s"] = *report.mask_build_s;
  for (const PeerReport& peer : report.peers) {
    nlohmann::ordered_json entry = {{"name", peer.name}, {"version", peer.version}};
    if (peer.unavailable.empty()) {
      entry["median_s"] = peer.seconds.median();
      entry["min_s"] = peer.seconds.least();
      add_spread(entry, peer.seconds);
      entry["ratio"] = peer.seconds.median() / report.seconds.median();
      entry["first_call_s"] = peer.first_call_s;
      entry["relative_difference"] = peer.relative_difference;
    } else {
      entry["unavailable"] = peer.unavailable;
    }
    json["peers"].push_back(entry);
  }
  return json;
}

std::string to_table(const BenchReport& report) {
  const auto& shape = report.shape;
  const double pairs = static_cast<double>(shape[0]) * static_cast<double>(shape[1]) * static_cast<double>(shape[3]) * static_cast<double>(shape[4]);
  std::string extents;
  for (std::size_t i = 0; i < shape.size(); ++i) extents += fmt::format("{}{} {}", i == 0 ? "" : ", ", kExtents[i], shape[i]);
  std::string text = line("variant", report.variant);
  text += line("device", fmt::format("{}{}, {}, {} thread{}{}", name_of(report.device), report.kernel == "simt" ? " (plain kernel)" : "", name_of(report.dtype), report.threads, report.threads == 1 ? "" : "s", report.pinned ? ", pinned" : ""));
  text += line("shape", extents);
  text += line("kept", fmt::format("{} pairs{}", grouped(report.kept_pairs), pairs > 0 ? fmt::format(", {:.4g} %", 100 * static_cast<double>(report.kept_pairs) / pairs) : ""));
  if (report.saved) text += line("inputs", *report.saved);

  text += fmt::format("\n{:<9}{:>10}{:>10}{:>10}{:>10}{:>10}\n", "", "median", "least", "1st qu.", "3rd qu.", "most");
  const auto calls = static_cast<std::int64_t>(report.seconds.size());
  text += row("time", report.seconds, duration_text, fmt::format("{} call{}", grouped(calls), calls == 1 ? "" : "s"));
  text += row("GFLOP/s", report.seconds, [&](double seconds) { return fmt::format("{:.4g}", report.gflops(seconds)); }, "over kept pairs");
  if (!report.peak_shares.empty())
    text += row("of peak", report.peak_shares, [](double share) { return fmt::format("{:.1f} %", 100 * share); },
                fmt::format("{:.4g} GFLOP/s of f32 multiply-adds at most, measured beside each call", report.peak_gflops));
  if (!report.read_shares.empty()) {
    const auto rate = [&](double seconds) { return fmt::format("{:.4g}", report.kv_bytes_per_s(seconds) / kGiga); };
    text += row("K, V GB/s", report.seconds, rate, "");
    text += row("of reads", report.read_shares, [](double share) { return fmt::format("{:.1f} %", 100 * share); },
                fmt::format("{:.4g} GB/s that the machine reads at most, measured beside each call", report.read_bytes_per_s / kGiga));
  }
  for (const PeerReport& peer : report.peers) {
    if (!peer.unavailable.empty()) {
      text += line(peer.name, "  not compared: " + peer.unavailable);
      continue;
    }
    text += '\n';
    text += line(peer.name, fmt::format("  PyTorch {}, first call {}", peer.version, duration_text(peer.first_call_s)));
    text += row("time", peer.seconds, duration_text,
                fmt::format("{:.2f} x flexc's median; outputs differ by {:.1e} of the largest", peer.seconds.median() / report.seconds.median(), peer.relative_difference));
  }
  text += fmt::format("\n{:<9}{:>10}{:<40}   from the text, in a fresh process\n", "compile", report.compile_s ? duration_text(*report.compile_s) : "unknown", "");
  return text;
}

}  // namespace flexc::cli
