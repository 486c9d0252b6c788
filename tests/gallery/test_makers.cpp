// Capture makers: every entry can be run from shape and seed alone, and equal arguments give equal tensors.
#include <catch2/catch.hpp>

#include <cmath>
#include <cstring>

#include "flexc/flexc.h"
#include "flexc/gallery.h"
#include "flexc/random.h"

using namespace flexc;

namespace {

std::vector<std::byte> bytes_of(const Tensor& tensor) {
  const auto* data = static_cast<const std::byte*>(tensor.view().data);
  return {data, data + tensor.byte_count()};
}

Tensor made(std::string_view entry, std::string_view capture, std::vector<std::string> dims, const GalleryProblem& problem, std::uint64_t seed = 0) {
  auto tensor = make_capture(entry, capture, dims, problem, seed);
  REQUIRE(tensor.has_value());
  return *tensor;
}

const GalleryProblem kProblems[] = {{1, 1, 1, 1, 1, {}}, {2, 6, 3, 40, 70, {}}, {3, 4, 4, 300, 300, {}}, {1, 2, 1, 90, 33, {}}, {2, 2, 2, 0, 5, {}}, {1, 2, 2, 5, 0, {}}};

}  // namespace

TEST_CASE("every entry is described, parses without warnings, and lists its tensors") {
  CHECK(gallery().size() >= 27);
  for (const GalleryEntry& entry : gallery()) {
    INFO(entry.name);
    CHECK_FALSE(entry.description.empty());
    CHECK(entry.example.starts_with("flexc run " + std::string(entry.name) + " --random "));
    const auto variant = Variant::parse(entry.text);
    REQUIRE(variant.has_value());
    CHECK(variant->warnings().entries().empty());
    CHECK(find_gallery_entry(entry.name) == &entry);
    for (const Variant::Capture& capture : variant->captures()) CHECK(capture.used);
  }
  CHECK(find_gallery_entry("Causal") == nullptr);
}

TEST_CASE("made captures fit at every shape, and depend on entry, capture, shape and seed alone") {
  Engine engine;
  for (const GalleryEntry& entry : gallery()) {
    INFO(entry.name);
    const auto variant = Variant::parse(entry.text);
    REQUIRE(variant.has_value());
    const auto kernel = engine.compile(*variant, {.device = Device::oracle()});
    REQUIRE(kernel.has_value());
    for (const GalleryProblem& problem : kProblems) {
      INFO("Q " << problem.q_total << ", KV " << problem.kv_total);
      Captures captures;
      std::vector<Tensor> tensors;
      for (const Variant::Capture& capture : variant->captures()) {
        const Tensor tensor = made(entry.name, capture.name, capture.dims, problem, 5);
        CHECK(tensor.view().dtype == capture.dtype);
        CHECK(bytes_of(tensor) == bytes_of(made(entry.name, capture.name, capture.dims, problem, 5)));
        captures.set(capture.name, tensor.view());
        tensors.push_back(tensor);
      }
      MaskShape shape;
      shape.batch = problem.batch, shape.heads = problem.heads, shape.kv_heads = problem.kv_heads, shape.q_len = problem.q_total, shape.kv_len = problem.kv_total;
      const auto mask = (*kernel)->block_mask(shape, captures);
      if (!mask) FAIL(mask.error().message);
    }
  }
}

TEST_CASE("ALiBi's slopes are 2^(-8(h+1)/H)") {
  const Tensor slopes = made("alibi", "slopes", {"H"}, {1, 12, 12, 8, 8, {}});
  REQUIRE(slopes.view().shape == std::vector<std::int64_t>{12});
  for (int h = 0; h < 12; ++h) CHECK(slopes.as<float>()[h] == static_cast<float>(std::exp2(-8.0 * (h + 1) / 12)));
}

TEST_CASE("document ids are sorted, start at 0, and lengths have the mean 512") {
  constexpr std::int64_t kTokens = 1 << 20;
  const Tensor doc = made("document", "doc", {"KV"}, {1, 1, 1, kTokens, kTokens, {}}, 3);
  const auto* ids = doc.as<std::int32_t>();
  CHECK(ids[0] == 0);
  std::int64_t previous = 0;
  bool sorted = true;
  for (std::int64_t i = 1; i < kTokens; ++i) {
    sorted &= ids[i] == previous || ids[i] == previous + 1;
    previous = ids[i];
  }
  CHECK(sorted);
  const double mean = static_cast<double>(kTokens) / static_cast<double>(previous + 1);
  CHECK(mean > 480);
  CHECK(mean < 544);
  const Tensor other = made("document", "doc", {"KV"}, {1, 1, 1, kTokens, kTokens, {}}, 4);
  CHECK(bytes_of(doc) != bytes_of(other));
}

TEST_CASE("a longer problem continues the same documents") {
  const Tensor brief = made("document", "doc", {"KV"}, {1, 1, 1, 1000, 1000, {}}, 9);
  const Tensor longer = made("document", "doc", {"KV"}, {1, 1, 1, 5000, 5000, {}}, 9);
  CHECK(std::memcmp(brief.as<std::int32_t>(), longer.as<std::int32_t>(), 1000 * sizeof(std::int32_t)) == 0);
}

TEST_CASE("consts that were replaced reach the makers") {
  const GalleryProblem problem{1, 2, 2, 100, 100, {{"PAGE", "10"}}};
  CHECK(made("paged", "logical_page", {"B", "pages"}, problem).view().shape == std::vector<std::int64_t>{1, 10});
  CHECK(made("paged", "logical_page", {"B", "pages"}, {1, 2, 2, 100, 100, {}}).view().shape == std::vector<std::int64_t>{1, 7});
  const std::vector<std::string> dims{"B", "pages"};
  CHECK_FALSE(make_capture("paged", "logical_page", dims, {1, 2, 2, 100, 100, {{"PAGE", "2 * 8"}}}, 0).has_value());
  CHECK_FALSE(make_capture("paged", "logical_page", dims, {1, 2, 2, 100, 100, {{"PAGE", "0"}}}, 0).has_value());
}

TEST_CASE("unknown entries and captures have no maker") {
  const std::vector<std::string> dims{"H"};
  CHECK_FALSE(make_capture("alibi", "slope", dims, {}, 0).has_value());
  CHECK_FALSE(make_capture("nothing", "slopes", dims, {}, 0).has_value());
  CHECK_FALSE(make_capture("alibi", "slopes", dims, {1, -4, 1, 0, 0, {}}, 0).has_value());
}

TEST_CASE("suggest finds the entry that was meant") {
  std::vector<std::string_view> names;
  for (const GalleryEntry& entry : gallery()) names.push_back(entry.name);
  CHECK(suggest("casual", names) == "causal");
  CHECK(suggest("slidingwindow", names) == "sliding_window");
  CHECK(suggest("zzzzzzzz", names).empty());
}
