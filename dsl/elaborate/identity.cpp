#include "dsl/elaborate/identity.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include <fmt/format.h>
#include <xxhash.h>

namespace flexc::dsl {

namespace {

/// Numbers things in the order in which they are first asked for.
class Numbering {
 public:
  explicit Numbering(std::size_t count) : numbers_(count, -1) {}
  int of(std::int64_t index) {
    int& number = numbers_[static_cast<std::size_t>(index)];
    if (number < 0) number = next_++;
    return number;
  }
  bool knows(std::size_t index) const { return numbers_[index] >= 0; }

 private:
  std::vector<int> numbers_;
  int next_ = 0;
};

class IdentityPrinter {
 public:
  explicit IdentityPrinter(const NormalForm& form)
      : form_(form), captures_(form.captures.size()), params_(form.params.size()), dims_(form.fresh_dims.size()) {}

  std::string print() {
    std::string bodies;
    if (form_.score) bodies += print_body("score_mod", *form_.score);
    if (form_.mask) bodies += print_body("mask_mod", *form_.mask);
    std::string checks;
    for (const auto& [a, b] : form_.equal_lengths) checks += fmt::format("require {} == {}\n", print_dim(a), print_dim(b));
    return "flexc normal form 1\n" + declarations_ + checks + bodies;
  }

  bool uses_capture(std::size_t i) const { return captures_.knows(i); }
  bool uses_param(std::size_t i) const { return params_.knows(i); }

 private:
  std::string print_dim(const Dim& dim) {
    switch (dim.kind) {
      case Dim::Kind::Constant: return fmt::format("{}", dim.value);
      case Dim::Kind::Symbol: return std::string(kSymbolNames[static_cast<std::size_t>(dim.value)]);
      case Dim::Kind::Fresh: return fmt::format("n{}", dims_.of(dim.value));
    }
    return "?";
  }

  std::string print_type(const Type& type) {
    return type.is_row ? fmt::format("{}[{}]", name_of(type.scalar), print_dim(type.length)) : std::string(name_of(type.scalar));
  }

  std::string print_capture(std::int64_t index) {
    const bool first = !captures_.knows(static_cast<std::size_t>(index));
    const int number = captures_.of(index);
    if (first) {
      const CaptureInfo& capture = form_.captures[static_cast<std::size_t>(index)];
      std::string dims;
      for (const Dim& dim : capture.dims) dims += (dims.empty() ? "" : ", ") + print_dim(dim);
      declarations_ += fmt::format("tensor c{}: {}[{}]\n", number, name_of(capture.dtype), dims);
    }
    return fmt::format("c{}", number);
  }

  std::string print_param(std::int64_t index) {
    const bool first = !params_.knows(static_cast<std::size_t>(index));
    const int number = params_.of(index);
    if (first) declarations_ += fmt::format("param p{}: {}\n", number, name_of(form_.params[static_cast<std::size_t>(index)].type));
    return fmt::format("p{}", number);
  }

  std::string print_immediate(const Node& node) {
    switch (node.op) {
      case Op::ConstBool: return node.imm ? " true" : " false";
      case Op::ConstI64: return fmt::format(" {}", node.imm);
      case Op::ConstF32: {
        const auto bits = static_cast<std::uint32_t>(node.imm);
        return fmt::format(" 0x{:08x} ({})", bits, std::bit_cast<float>(bits));
      }
      case Op::SymbolValue: return fmt::format(" {}", kSymbolNames[static_cast<std::size_t>(node.imm)]);
      case Op::FreshDim: return fmt::format(" n{}", dims_.of(node.imm));
      case Op::Param: return " " + print_param(node.imm);
      case Op::Gather:
      case Op::GatherRow: return " " + print_capture(node.imm);
      default: return "";
    }
  }

  std::string print_body(std::string_view name, const Body& body) {
    std::string text = fmt::format("{}:\n", name);
    for (std::size_t i = 0; i < body.nodes.size(); ++i) {
      const Node& node = body.nodes[i];
      text += fmt::format("  v{}: {} = {}{}", i, print_type(node.type), name_of(node.op), print_immediate(node));
      const bool gather = node.op == Op::Gather || node.op == Op::GatherRow;
      for (std::size_t k = 0; k < node.operands.size(); ++k)
        text += fmt::format("{}v{}", k > 0 ? ", " : gather ? "[" : " ", node.operands[k]);
      text += gather && !node.operands.empty() ? "]\n" : "\n";
    }
    return text + fmt::format("  return v{}\n", body.result);
  }

  const NormalForm& form_;
  Numbering captures_, params_, dims_;
  std::string declarations_;
};

}  // namespace

void fill_identity(NormalForm& form) {
  IdentityPrinter printer(form);
  form.text = printer.print();
  for (std::size_t i = 0; i < form.captures.size(); ++i) form.captures[i].used = printer.uses_capture(i);
  for (std::size_t i = 0; i < form.params.size(); ++i) form.params[i].used = printer.uses_param(i);
  form.sizes_read.clear();
  for (const auto* body : {&form.score, &form.mask}) {
    if (!*body) continue;
    for (const Node& node : (*body)->nodes) {
      const auto dim = static_cast<std::uint32_t>(node.imm);
      if (node.op == Op::FreshDim && std::ranges::find(form.sizes_read, dim) == form.sizes_read.end()) form.sizes_read.push_back(dim);
    }
  }
  const XXH128_hash_t hash = XXH3_128bits(form.text.data(), form.text.size());
  form.hash = {hash.high64, hash.low64};
}

}  // namespace flexc::dsl
