// Deterministic stand-ins for what a model would supply: one function a capture, drawn from (seed, capture name) alone.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "flexc/gallery.h"
#include "flexc/random.h"

namespace flexc {
namespace {

constexpr std::int64_t kMeanDocument = 512;
constexpr std::int64_t kRopeDim = 64;         // DeepSeek's
constexpr std::int64_t kTokensPerImage = 27;
constexpr std::uint64_t kTokensPerGlobal = 64;

/// One call of make_capture.
struct Request {
  const GalleryEntry& entry;
  std::string_view capture;
  std::span<const std::string> dims;
  const GalleryProblem& problem;
  std::uint64_t seed;

  CounterRandom random() const { return {seed, capture}; }
  std::int64_t q() const { return problem.q_total; }
  std::int64_t kv() const { return problem.kv_total; }
};

std::optional<std::int64_t> plain_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// A const of the variant: the replacement, else the literal in the entry's own text. At least 1.
std::optional<std::int64_t> const_value(const Request& request, std::string_view name) {
  std::optional<std::int64_t> value;
  if (const auto it = request.problem.consts.find(name); it != request.problem.consts.end()) {
    value = plain_integer(it->second);
  } else {
    const std::string declaration = "\nconst " + std::string(name) + " = ";
    const std::size_t at = request.entry.text.find(declaration);
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view rest = request.entry.text.substr(at + declaration.size());
    value = plain_integer(rest.substr(0, rest.find('\n')));
  }
  return value && *value >= 1 ? value : std::nullopt;
}

/// The declared shape; `fresh` is the size of every fresh name.
std::vector<std::int64_t> shape_of(const Request& request, std::int64_t fresh) {
  std::vector<std::int64_t> shape;
  for (const std::string& dim : request.dims) {
    if (dim == "B") shape.push_back(request.problem.batch);
    else if (dim == "H") shape.push_back(request.problem.heads);
    else if (dim == "HKV") shape.push_back(request.problem.kv_heads);
    else if (dim == "Q") shape.push_back(request.problem.q_total);
    else if (dim == "KV") shape.push_back(request.problem.kv_total);
    else shape.push_back(plain_integer(dim).value_or(fresh));
  }
  return shape;
}

/// A tensor of T whose element i is fill(i).
template <class T, class Fill>
Tensor filled(DType dtype, const std::vector<std::int64_t>& shape, Fill fill) {
  Tensor tensor(dtype, shape);
  T* data = tensor.as<T>();
  for (std::int64_t i = 0, n = tensor.view().element_count(); i < n; ++i) data[i] = static_cast<T>(fill(i));
  return tensor;
}

/// i32, uniform in [0, bound).
Tensor draws(const Request& request, std::int64_t bound, std::int64_t fresh = 1) {
  const CounterRandom random = request.random();
  const auto limit = static_cast<std::uint64_t>(std::max<std::int64_t>(bound, 1));
  return filled<std::int32_t>(i32, shape_of(request, fresh), [&](std::int64_t i) { return random.below(static_cast<std::uint64_t>(i), limit); });
}

std::optional<Tensor> normals(const Request& request) {
  const CounterRandom random = request.random();
  return filled<float>(f32, shape_of(request, kRopeDim), [&](std::int64_t i) { return random.normal(static_cast<std::uint64_t>(i)); });
}

/// Scales around 1, never near 0.
std::optional<Tensor> scales(const Request& request) {
  const CounterRandom random = request.random();
  return filled<float>(f32, shape_of(request, 1), [&](std::int64_t i) { return 0.5 + random.uniform(static_cast<std::uint64_t>(i)); });
}

/// ALiBi's geometric sequence: 2^(−8(h+1)/H).
std::optional<Tensor> slopes(const Request& request) {
  const auto heads = static_cast<double>(request.problem.heads);
  return filled<float>(f32, shape_of(request, 1), [&](std::int64_t h) { return std::exp2(-8.0 * static_cast<double>(h + 1) / heads); });
}

/// Where documents begin: lengths uniform in [1, 2·mean − 1], drawn until `length` tokens are covered. Stream 0 is what the
/// `doc` captures use; batches of other makers use the following ones.
std::vector<std::int64_t> document_starts(std::uint64_t seed, std::int64_t length, std::uint64_t stream) {
  const CounterRandom random(seed, "doc");
  std::vector<std::int64_t> starts;
  std::int64_t at = 0;
  for (std::uint64_t i = 0; at < length; ++i) {
    starts.push_back(at);
    at += 1 + static_cast<std::int64_t>(random.below((stream << 32) + i, 2 * kMeanDocument - 1));
  }
  if (starts.empty()) starts.push_back(0);
  return starts;
}

std::optional<Tensor> documents(const Request& request) {
  const std::vector<std::int64_t> starts = document_starts(request.seed, request.kv(), 0);
  std::size_t doc = 0;
  return filled<std::int32_t>(i32, shape_of(request, 1), [&](std::int64_t i) {
    while (doc + 1 < starts.size() && i >= starts[doc + 1]) ++doc;
    return doc;
  });
}

std::optional<Tensor> document_offsets(const Request& request) {
  const std::vector<std::int64_t> starts = document_starts(request.seed, request.kv(), 0);
  return filled<std::int32_t>(i32, shape_of(request, static_cast<std::int64_t>(starts.size())),
                              [&](std::int64_t i) { return starts[static_cast<std::size_t>(i)]; });
}

/// `count` sorted cuts of [0, length], the first 0 and the last `length`.
std::vector<std::int64_t> sorted_cuts(const CounterRandom& random, std::int64_t count, std::int64_t length) {
  std::vector<std::int64_t> cuts(static_cast<std::size_t>(std::max<std::int64_t>(count, 1)));
  for (std::size_t i = 0; i < cuts.size(); ++i) cuts[i] = static_cast<std::int64_t>(random.below(i, static_cast<std::uint64_t>(length) + 1));
  std::ranges::sort(cuts);
  cuts.front() = 0;
  if (cuts.size() > 1) cuts.back() = length;
  return cuts;
}

std::optional<Tensor> jagged_offsets(const Request& request) {
  const std::vector<std::int64_t> shape = shape_of(request, 1);
  if (shape.size() != 1) return std::nullopt;
  const std::vector<std::int64_t> cuts = sorted_cuts(request.random(), shape[0], request.kv());
  return filled<std::int32_t>(i32, shape, [&](std::int64_t i) { return cuts[static_cast<std::size_t>(i)]; });
}

/// Up to half of the keys.
std::optional<Tensor> half_lengths(const Request& request) { return draws(request, request.kv() / 2 + 1); }

std::optional<Tensor> cache_offsets(const Request& request) { return draws(request, request.kv() - request.q() + 1); }

/// Three heads in four are local, as in most hybrid models.
std::optional<Tensor> local_heads(const Request& request) {
  return filled<std::uint8_t>(boolean, shape_of(request, 1), [](std::int64_t h) { return h % 4 != 3; });
}

/// A random tree: the parent of node i is any node before it. [i, j]: j is i or an ancestor of i.
std::optional<Tensor> tree_ancestors(const Request& request) {
  const CounterRandom random = request.random();
  const std::int64_t nodes = request.q();
  if (shape_of(request, nodes) != std::vector{nodes, nodes}) return std::nullopt;
  Tensor tensor(boolean, {nodes, nodes});
  auto* data = tensor.as<std::uint8_t>();
  for (std::int64_t i = 0; i < nodes; ++i) {
    std::uint8_t* row = data + i * nodes;
    if (i > 0) {
      const auto parent = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(i)));
      std::copy_n(data + parent * nodes, nodes, row);
    }
    row[i] = 1;
  }
  return tensor;
}

/// Running sums of log forget gates, gates near 1.
std::optional<Tensor> log_gate_sums(const Request& request) {
  const CounterRandom random = request.random();
  double sum = 0;
  return filled<float>(f32, shape_of(request, 1), [&](std::int64_t i) {
    if (i % request.kv() == 0) sum = 0;
    sum -= std::log1p(std::exp(-4.0 - random.normal(static_cast<std::uint64_t>(i))));
    return sum;
  });
}

std::int64_t image_count(const Request& request) { return std::max<std::int64_t>(1, (request.kv() + kTokensPerImage - 1) / kTokensPerImage); }

std::optional<Tensor> image_of_token(const Request& request) {
  return filled<std::int32_t>(i32, shape_of(request, 1), [](std::int64_t i) { return i / kTokensPerImage; });
}

/// The text after each image: consecutive stretches that cover all of it.
std::optional<Tensor> text_spans(const Request& request) {
  const std::int64_t images = image_count(request);
  const std::vector<std::int64_t> cuts = sorted_cuts(request.random(), images + 1, request.q());
  return filled<std::int32_t>(i32, shape_of(request, images), [&](std::int64_t i) { return cuts[static_cast<std::size_t>(i / 2 + i % 2)]; });
}

/// FlashMask's intervals for causal packed documents: below, from the end of the key's document on; above, up to the key.
std::optional<Tensor> flashmask_bounds(const Request& request) {
  const std::int64_t kv = request.kv();
  std::vector<std::int64_t> starts;
  std::size_t doc = 0;
  return filled<std::int32_t>(i32, shape_of(request, 1), [&](std::int64_t i) -> std::int64_t {
    const std::int64_t key = i % kv;
    if (key == 0) {
      starts = document_starts(request.seed, kv, static_cast<std::uint64_t>(i / kv));
      doc = 0;
    }
    while (doc + 1 < starts.size() && key >= starts[doc + 1]) ++doc;
    if (request.capture == "lower_start") return doc + 1 < starts.size() ? starts[doc + 1] : kv;
    if (request.capture == "lower_end") return std::max(kv, request.q());
    return request.capture == "upper_end" ? key : 0;
  });
}

/// For each tile of queries, tiles of keys.
std::optional<Tensor> tile_choices(const Request& request, std::string_view tile_name) {
  const auto tile = const_value(request, tile_name);
  if (!tile) return std::nullopt;
  return draws(request, (request.kv() - 1) / *tile + 1, (std::max<std::int64_t>(request.q(), 1) - 1) / *tile + 1);
}

std::optional<Tensor> random_blocks(const Request& request) { return tile_choices(request, "BLOCK"); }
std::optional<Tensor> chosen_tiles(const Request& request) { return tile_choices(request, "TILE"); }

/// Token 0 and about one in 64 others.
std::optional<Tensor> global_tokens(const Request& request) {
  const CounterRandom random = request.random();
  return filled<std::uint8_t>(boolean, shape_of(request, 1),
                              [&](std::int64_t i) { return i == 0 || random.below(static_cast<std::uint64_t>(i), kTokensPerGlobal) == 0; });
}

/// For each sequence a permutation of the pages, of which it uses at least half; −1 for the others.
std::optional<Tensor> logical_pages(const Request& request) {
  const auto page = const_value(request, "PAGE");
  if (!page) return std::nullopt;
  const CounterRandom random = request.random();
  const std::int64_t pages = (std::max<std::int64_t>(request.kv(), 1) - 1) / *page + 1;
  if (shape_of(request, pages) != std::vector{request.problem.batch, pages}) return std::nullopt;
  Tensor tensor(i32, {request.problem.batch, pages});
  auto* data = tensor.as<std::int32_t>();
  for (std::int64_t b = 0; b < request.problem.batch; ++b) {
    std::int32_t* row = data + b * pages;
    const auto index = [&](std::int64_t i) { return static_cast<std::uint64_t>(b * (pages + 1) + i); };
    std::iota(row, row + pages, 0);
    for (std::int64_t i = pages - 1; i > 0; --i) std::swap(row[i], row[random.below(index(i), static_cast<std::uint64_t>(i) + 1)]);
    const std::int64_t used = pages - static_cast<std::int64_t>(random.below(index(pages), static_cast<std::uint64_t>(pages / 2) + 1));
    for (std::int64_t i = 0; i < pages; ++i)
      if (row[i] >= used) row[i] = -1;
  }
  return tensor;
}

struct Maker {
  std::string_view entry, capture;
  std::optional<Tensor> (*make)(const Request&);
};

constexpr Maker kMakers[] = {
    {"alibi", "slopes", slopes},
    {"alibi_causal", "slopes", slopes},
    {"bigbird", "picked", random_blocks},
    {"causal_offset", "offset", cache_offsets},
    {"dequantise", "k_scale", scales},
    {"dequantise", "q_scale", scales},
    {"distance_bias", "position", normals},
    {"document", "doc", documents},
    {"document_causal", "doc", documents},
    {"document_causal", "starts", document_offsets},
    {"draft_tree", "ancestor", tree_ancestors},
    {"flashmask", "lower_end", flashmask_bounds},
    {"flashmask", "lower_start", flashmask_bounds},
    {"flashmask", "upper_end", flashmask_bounds},
    {"flashmask", "upper_start", flashmask_bounds},
    {"forgetting", "log_gates", log_gate_sums},
    {"head_type", "local", local_heads},
    {"jagged", "offsets", jagged_offsets},
    {"left_padding", "padding", half_lengths},
    {"longformer", "is_global", global_tokens},
    {"mla_rope", "k_rope", normals},
    {"mla_rope", "q_rope", normals},
    {"paged", "logical_page", logical_pages},
    {"prefix_per_batch", "prefix", half_lengths},
    {"relative_bias", "bias", normals},
    {"t5_bias", "bias", normals},
    {"topk_tiles", "chosen", chosen_tiles},
    {"vision_cross_attention", "image_of", image_of_token},
    {"vision_cross_attention", "spans", text_spans},
};

}  // namespace

std::optional<Tensor> make_capture(std::string_view entry, std::string_view capture, std::span<const std::string> dims,
                                   const GalleryProblem& problem, std::uint64_t seed) {
  const GalleryEntry* found = find_gallery_entry(entry);
  if (!found || problem.batch < 0 || problem.heads < 0 || problem.kv_heads < 0 || problem.q_total < 0 || problem.kv_total < 0) return std::nullopt;
  for (const Maker& maker : kMakers)
    if (maker.entry == entry && maker.capture == capture) return maker.make({*found, capture, dims, problem, seed});
  return std::nullopt;
}

}  // namespace flexc
