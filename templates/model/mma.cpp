#include "mma.h"

#include <bit>

#include "numbers.h"

namespace flexc::model {
namespace {

MatrixUnit::Outcome report(Fault fault, std::string text) { return std::make_unique<MatrixUnit::Fault_>(MatrixUnit::Fault_{fault, std::move(text)}); }

float widen(MmaElement element, uint32_t bits) {
  const auto half = static_cast<uint16_t>(bits);
  return element == MmaElement::Bf16 ? bf16_to_f32(half) : f16_to_f32(half);
}

// c[64][n] += a[64][16] b[16][n], products exact in f32, summed in f32 from k = 0 up. The hardware's order differs; tolerances cover that. Without
// contraction, so that wider vectors give the same bits.
// Not under ThreadSanitizer: its prologue in the function that chooses between clones runs before its library is there.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
__attribute__((target_clones("avx2", "default"), optimize("O3")))
#endif
void multiply(float* __restrict c, const float* __restrict a, const float* __restrict b, int n) {
  constexpr int kAtOnce = 4;  // of the depth, so that a sum stays in a register for as long
  static_assert(kMmaK % kAtOnce == 0);
  for (int row = 0; row < kMmaM; ++row) {
    float* out = c + row * n;
    for (int k = 0; k < kMmaK; k += kAtOnce) {
      const float* left = a + row * kMmaK + k;
      const float *b0 = b + k * n, *b1 = b0 + n, *b2 = b1 + n, *b3 = b2 + n;
      for (int column = 0; column < n; ++column) {
        float sum = out[column];
        sum += left[0] * b0[column];
        sum += left[1] * b1[column];
        sum += left[2] * b2[column];
        sum += left[3] * b3[column];
        out[column] = sum;
      }
    }
  }
}

}  // namespace

void MatrixUnit::reset(uint32_t agent, SharedMemory* memory) {
  *this = MatrixUnit();
  agent_ = agent;
  memory_ = memory;
}

void MatrixUnit::fence() {
  fence_time_ = ++time_;
  for (Accumulator& accumulator : accumulators_) {
    const int count = accumulator.n / 2;
    accumulator.at_fence.resize(size_t{kWarpgroupThreads} * count);
    for (int t = 0; t < kWarpgroupThreads; ++t)
      std::memcpy(&accumulator.at_fence[size_t(t) * count], accumulator.registers[t], count * sizeof(float));
  }
  for (Fragments& fragments : fragments_) {
    fragments.at_fence.resize(size_t{kWarpgroupThreads} * fragments.words);
    for (int t = 0; t < kWarpgroupThreads; ++t) {
      std::memcpy(&fragments.at_fence[size_t(t) * fragments.words], fragments.registers[t], fragments.words * sizeof(uint32_t));
    }
  }
}

void MatrixUnit::commit() {
  for (Product& product : products_) {
    if (product.group < 0) product.group = groups_;
  }
  ++groups_;
}

bool MatrixUnit::owns(const float* registers) const {
  for (const Accumulator& accumulator : accumulators_) {
    if (accumulator.running > 0 && accumulator.registers[0] == registers) return true;
  }
  return false;
}

size_t MatrixUnit::find_accumulator(const MmaRequest* const* requests) {
  for (size_t i = 0; i < accumulators_.size(); ++i) {
    if (accumulators_[i].registers[0] == requests[0]->accumulator && accumulators_[i].n == requests[0]->n) return i;
  }
  Accumulator accumulator;
  for (int t = 0; t < kWarpgroupThreads; ++t) accumulator.registers[t] = requests[t]->accumulator;
  accumulator.n = requests[0]->n;
  accumulators_.push_back(std::move(accumulator));
  return accumulators_.size() - 1;
}

MatrixUnit::Fragments& MatrixUnit::find_fragments(const MmaRequest* const* requests) {
  const int words = 4 * requests[0]->steps;
  for (Fragments& fragments : fragments_) {
    if (fragments.registers[0] == requests[0]->a_registers && fragments.words == words) return fragments;
  }
  Fragments fragments;
  for (int t = 0; t < kWarpgroupThreads; ++t) fragments.registers[t] = requests[t]->a_registers;
  fragments.words = words;
  fragments_.push_back(std::move(fragments));
  return fragments_.back();
}

// PTX: a fence before the first product, and between an access of a register by a thread and a product that uses it. A thread that waited for an
// accumulator did so to touch it, so getting one back counts as an access; this is stricter than PTX where it is then left alone.
MatrixUnit::Outcome MatrixUnit::check_registers(const Accumulator& accumulator, bool known, const Fragments* fragments, bool fragments_known) {
  if (accumulator.running == 0) {
    if (fence_time_ == 0 || fence_time_ <= accumulator.touched) {
      return report(Fault::RegisterFence, "no wgmma.fence since the threads got the accumulator's registers");
    }
    if (known && !accumulator.at_fence.empty()) {
      const int count = accumulator.n / 2;
      for (int t = 0; t < kWarpgroupThreads; ++t) {
        if (std::memcmp(&accumulator.at_fence[size_t(t) * count], accumulator.registers[t], count * sizeof(float)) != 0) {
          return report(Fault::RegisterFence, "accumulator registers of thread " + std::to_string(t) + " were written after the last wgmma.fence");
        }
      }
    }
  }
  if (fragments != nullptr) {
    if (fence_time_ == 0) return report(Fault::RegisterFence, "no wgmma.fence before the first product");
    if (fragments_known && !fragments->at_fence.empty()) {
      for (int t = 0; t < kWarpgroupThreads; ++t) {
        if (std::memcmp(&fragments->at_fence[size_t(t) * fragments->words], fragments->registers[t], fragments->words * sizeof(uint32_t)) != 0) {
          return report(Fault::RegisterFence, "registers of operand A of thread " + std::to_string(t) + " were written after the last wgmma.fence");
        }
      }
    }
  }
  return nullptr;
}

MatrixUnit::Outcome MatrixUnit::start(const MmaRequest* const* requests, Clock before, uint16_t site) {
  const MmaRequest& first = *requests[0];
  if (first.n < 8 || first.n > 256 || first.n % 8 != 0)
    return report(Fault::Descriptor, "N = " + std::to_string(first.n) + " is no multiple of 8 up to 256");
  for (int t = 1; t < kWarpgroupThreads; ++t) {
    if (requests[t]->a_descriptor != first.a_descriptor || requests[t]->b_descriptor != first.b_descriptor) {
      return report(Fault::Descriptor, "threads of the warpgroup give different descriptors");
    }
  }
  const size_t accumulators_known = accumulators_.size(), fragments_known = fragments_.size();
  const size_t index = find_accumulator(requests);
  Fragments* fragments = first.a_registers != nullptr ? &find_fragments(requests) : nullptr;
  Accumulator& accumulator = accumulators_[index];
  if (auto fault = check_registers(accumulator, index < accumulators_known, fragments, fragments_known == fragments_.size())) return fault;

  const int count = first.n / 2;
  if (accumulator.running == 0) {
    accumulator.values.resize(size_t{kMmaM} * first.n);
    for (int t = 0; t < kWarpgroupThreads; ++t) {
      for (int i = 0; i < count; ++i) {
        const Element at = accumulator_element(t, i);
        accumulator.values[size_t(at.row) * first.n + at.column] = accumulator.registers[t][i];
        accumulator.registers[t][i] = std::bit_cast<float>(kPoison);
      }
    }
  }
  ++accumulator.running;

  Product product;
  product.request = first;
  product.accumulator = index;
  product.epoch = ++started_;
  product.site = site;
  product.before = std::move(before);
  if (fragments != nullptr) {
    product.a.resize(size_t{kWarpgroupThreads} * fragments->words);
    for (int t = 0; t < kWarpgroupThreads; ++t) {
      product.a_registers[t] = fragments->registers[t];
      std::memcpy(&product.a[size_t(t) * fragments->words], fragments->registers[t], fragments->words * sizeof(uint32_t));
    }
  }
  products_.push_back(std::move(product));
  return nullptr;
}

MatrixUnit::Outcome MatrixUnit::read_oldest() {
  Product& product = products_[next_unread_++];
  product.read = true;
  return compute(product);
}

bool MatrixUnit::load_a(const Product& product, int step, float* a) {
  const MmaRequest& request = product.request;
  if (request.a_registers != nullptr) {
    const int words = 4 * request.steps;
    for (int t = 0; t < kWarpgroupThreads; ++t) {
      for (int i = 0; i < 8; ++i) {
        const Element at = a_fragment_element(t, i);
        const uint32_t word = product.a[size_t(t) * words + 4 * step + i / 2];
        a[at.row * kMmaK + at.column] = widen(request.element, i % 2 != 0 ? word >> 16 : word & 0xffff);
      }
    }
    return true;
  }
  const MatrixDescriptor descriptor = MatrixDescriptor::decode(request.a_descriptor + request.a_step(step));
  const Access access{agent_, product.epoch, &product.before, true, "operand A of wgmma", product.site};
  for (int row = 0; row < kMmaM; ++row) {
    for (int k = 0; k < kMmaK; k += 8) {
      uint16_t chunk[8];
      if (!memory_->read(descriptor.k_major(row, k), sizeof(chunk), access, chunk)) return false;
      for (int i = 0; i < 8; ++i) a[row * kMmaK + k + i] = widen(request.element, chunk[i]);
    }
  }
  return true;
}

bool MatrixUnit::load_b(const Product& product, int step, float* b) {
  const MmaRequest& request = product.request;
  const int n = request.n;
  const MatrixDescriptor descriptor = MatrixDescriptor::decode(request.b_descriptor + request.b_step(step));
  const Access access{agent_, product.epoch, &product.before, true, "operand B of wgmma", product.site};
  uint16_t chunk[8];
  if (request.b_mn_major) {
    for (int k = 0; k < kMmaK; ++k) {
      for (int column = 0; column < n; column += 8) {
        if (!memory_->read(descriptor.mn_major(column, k), sizeof(chunk), access, chunk)) return false;
        for (int i = 0; i < 8; ++i) b[k * n + column + i] = widen(request.element, chunk[i]);
      }
    }
    return true;
  }
  for (int column = 0; column < n; ++column) {
    for (int k = 0; k < kMmaK; k += 8) {
      if (!memory_->read(descriptor.k_major(column, k), sizeof(chunk), access, chunk)) return false;
      for (int i = 0; i < 8; ++i) b[(k + i) * n + column] = widen(request.element, chunk[i]);
    }
  }
  return true;
}

MatrixUnit::Outcome MatrixUnit::compute(Product& product) {
  const MmaRequest& request = product.request;
  Accumulator& accumulator = accumulators_[product.accumulator];
  if (request.overwrite) std::fill(accumulator.values.begin(), accumulator.values.end(), 0.0f);
  std::vector<float> a(kMmaM * kMmaK), b(size_t{kMmaK} * request.n);
  for (int step = 0; step < request.steps; ++step) {
    const uint64_t descriptors[2] = {request.a_registers != nullptr ? 0 : request.a_descriptor + request.a_step(step),
                                     request.b_descriptor + request.b_step(step)};
    for (uint64_t bits : descriptors) {
      if (MatrixDescriptor::decode(bits).reserved != 0) return report(Fault::Descriptor, "a descriptor has bits set that PTX reserves");
    }
    if (!load_a(product, step, a.data()) || !load_b(product, step, b.data())) return report(memory_->conflict().fault, memory_->conflict().text);
    multiply(accumulator.values.data(), a.data(), b.data(), request.n);
  }
  return nullptr;
}

MatrixUnit::Outcome MatrixUnit::finish(Product& product) {
  if (!product.a.empty()) {
    const int words = 4 * product.request.steps;
    for (int t = 0; t < kWarpgroupThreads; ++t) {
      if (std::memcmp(&product.a[size_t(t) * words], product.a_registers[t], words * sizeof(uint32_t)) != 0) {
        return report(Fault::InFlight, "thread " + std::to_string(t) + " wrote registers of operand A while the product ran");
      }
    }
  }
  finished_ = product.epoch;
  Accumulator& accumulator = accumulators_[product.accumulator];
  if (--accumulator.running > 0) return nullptr;
  accumulator.touched = ++time_;
  const int count = accumulator.n / 2;
  for (int t = 0; t < kWarpgroupThreads; ++t) {
    for (int i = 0; i < count; ++i) {
      if (std::bit_cast<uint32_t>(accumulator.registers[t][i]) != kPoison) {
        return report(Fault::InFlight, "thread " + std::to_string(t) + " wrote accumulator register " + std::to_string(i) + " while the product ran");
      }
      const Element at = accumulator_element(t, i);
      accumulator.registers[t][i] = accumulator.values[size_t(at.row) * accumulator.n + at.column];
    }
  }
  return nullptr;
}

MatrixUnit::Outcome MatrixUnit::wait(int pending) {
  const int64_t last = groups_ - 1 - pending;  // groups up to this one must be done
  size_t done = 0;
  while (done < products_.size() && products_[done].group >= 0 && products_[done].group <= last) {
    Product& product = products_[done];
    if (!product.read) {
      if (auto fault = read_oldest()) return fault;
    }
    if (auto fault = finish(product)) return fault;
    ++done;
  }
  products_.erase(products_.begin(), products_.begin() + static_cast<std::ptrdiff_t>(done));
  next_unread_ -= done;
  return nullptr;
}

}  // namespace flexc::model
