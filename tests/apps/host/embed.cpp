// Sentence embeddings: several texts in one packed sequence through all-MiniLM-L6-v2, compared with what the model itself gives.
//   embed MODEL.safetensors DATA.safetensors [--plant undivided]
// Prints the texts' similarities. Exit status: 0 every element is within 1e-4, 1 one is not, 3 something is missing.
// `--plant undivided` lets the texts attend to each other, which must be noticed.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "encoder.h"
#include "must.h"

namespace {

constexpr double kLimit = 1e-4;

flexc::Tensor read(const std::string& path, flexc::DType dtype) {
  flexc::Tensor tensor = must(flexc::load_tensor(path)).tensor;
  if (tensor.view().dtype != dtype) stop(path + ": not of the expected type");
  return tensor;
}

/// The texts' tokens, out of a file that holds them one after another.
std::vector<std::vector<std::int32_t>> read_texts(const std::string& file) {
  const flexc::Tensor tokens = read(file + ":tokens", flexc::i32), documents = read(file + ":doc", flexc::i32);
  std::vector<std::vector<std::int32_t>> texts;
  for (std::int64_t i = 0; i < tokens.view().element_count(); ++i) {
    const std::size_t text = static_cast<std::size_t>(documents.as<std::int32_t>()[i]);
    if (text > texts.size() || documents.view().element_count() != tokens.view().element_count()) stop(file + ": doc does not number texts in order");
    if (text == texts.size()) texts.emplace_back();
    texts[text].push_back(tokens.as<std::int32_t>()[i]);
  }
  return texts;
}

void print_similarities(const std::vector<float>& embeddings, std::int64_t texts) {
  std::printf("similarity of the texts (cosine):\n");
  for (std::int64_t a = 0; a < texts; ++a) {
    for (std::int64_t b = 0; b < texts; ++b) {
      double product = 0;
      for (std::int64_t i = 0; i < Encoder::kHidden; ++i)
        product += static_cast<double>(embeddings[static_cast<std::size_t>(a * Encoder::kHidden + i)]) * embeddings[static_cast<std::size_t>(b * Encoder::kHidden + i)];
      std::printf(" %6.3f", product);
    }
    std::printf("\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) stop("usage: embed MODEL.safetensors DATA.safetensors");
  const std::vector<std::vector<std::int32_t>> texts = read_texts(argv[2]);
  const PackedTexts packed = PackedTexts::pack(texts);

  const bool divided = option(argc, argv, "--plant") != "undivided";
  const flexc::Variant variant = must(flexc::Variant::parse(divided ? "tensor doc: i32[KV]\n\ndef mask_mod(b, h, q_idx, kv_idx):\n    return doc[q_idx] == doc[kv_idx]\n"
                                                                    : "tensor doc: i32[KV]\n\ndef mask_mod(b, h, q_idx, kv_idx):\n    return doc[q_idx] >= 0\n",
                                                            {.name = "document.flex"}));
  flexc::Engine engine({.on_warning = [](std::string_view text) { std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data()); }});
  const Encoder encoder(argv[1], engine, variant);

  const int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const auto started = std::chrono::steady_clock::now();
  const std::vector<float> embeddings = encoder.encode(packed, threads);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();

  const flexc::Tensor expected = read(std::string(argv[2]) + ":embeddings", flexc::f32);
  if (expected.view().shape != std::vector<std::int64_t>{packed.texts, Encoder::kHidden}) stop("the expected embeddings are of another shape");
  double worst = 0;
  for (std::size_t i = 0; i < embeddings.size(); ++i) {
    const double error = std::fabs(static_cast<double>(embeddings[i]) - expected.as<float>()[i]);
    if (!(error <= worst)) worst = error;  // a NaN is the worst of all, and stays
    if (std::isnan(worst)) break;
  }
  print_similarities(embeddings, packed.texts);
  std::printf("embeddings: %lld texts in %lld tokens, %lld layers in %.2f s on %d threads; largest error %.2e, limit %.0e\n", static_cast<long long>(packed.texts),
              static_cast<long long>(packed.length()), static_cast<long long>(Encoder::kLayers), seconds, threads, worst, kLimit);
  const bool right = worst <= kLimit;
  if (!right) std::printf("embeddings: WRONG\n");
  return right ? 0 : 1;
}
