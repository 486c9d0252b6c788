// The launch's own checks: do the captures and params that were bound fit the variant's declarations?
#include <fmt/format.h>

#include "flexc/dsl/evaluate.h"

namespace flexc::dsl {
namespace {

std::int64_t symbol_value(const Problem& problem, std::int64_t symbol) {
  const std::int64_t values[] = {problem.batch, problem.heads, problem.kv_heads, problem.q_total, problem.kv_total};
  return values[symbol];
}

std::string dim_text(const NormalForm& form, const Dim& dim) {
  if (dim.kind == Dim::Kind::Constant) return std::to_string(dim.value);
  if (dim.kind == Dim::Kind::Symbol) return std::string(kSymbolNames[static_cast<std::size_t>(dim.value)]);
  const std::string& name = form.fresh_dims[static_cast<std::size_t>(dim.value)];
  return name.empty() ? "any" : name;
}

std::string declared_text(const NormalForm& form, const CaptureInfo& capture) {
  std::string dims;
  for (const Dim& dim : capture.dims) dims += (dims.empty() ? "" : ", ") + dim_text(form, dim);
  return fmt::format("{}[{}]", name_of(capture.dtype), dims);
}

std::string found_text(const TensorView& view) { return fmt::format("{}[{}]", name_of(view.dtype), fmt::join(view.shape, ", ")); }

std::unexpected<Error> input_error(std::string message) { return std::unexpected(Error{ErrorKind::Input, std::move(message)}); }

class Binder {
 public:
  Binder(const NormalForm& form, const Environment& environment, MemoryKind memory)
      : form_(form), environment_(environment), memory_(memory), sizes_(form.fresh_dims.size(), kUnknown), owners_(form.fresh_dims.size()) {}

  Result<std::vector<std::int64_t>> bind() {
    for (std::size_t i = 0; i < form_.captures.size(); ++i)
      if (auto bound = bind_capture(i); !bound) return std::unexpected(bound.error());
    for (std::size_t i = 0; i < form_.params.size(); ++i)
      if (form_.params[i].used && i >= environment_.params.size())
        return input_error(fmt::format("param \"{}\" has no value", form_.params[i].name));
    for (const auto* body : {&form_.score, &form_.mask})
      if (*body)
        if (auto checked = check_sizes_read(**body); !checked) return std::unexpected(checked.error());
    for (const auto& [a, b] : form_.equal_lengths)
      if (size_of_dim(a) != size_of_dim(b))
        return input_error(fmt::format("the variant combines rows of {} with rows of {}, which must be equally long: {} and {} elements were found",
                                       rows_text(a), rows_text(b), size_of_dim(a), size_of_dim(b)));
    for (std::int64_t& size : sizes_)
      if (size == kUnknown) size = 0;
    return std::move(sizes_);
  }

 private:
  static constexpr std::int64_t kUnknown = -1;

  std::int64_t size_of_dim(const Dim& dim) const {
    if (dim.kind == Dim::Kind::Constant) return dim.value;
    if (dim.kind == Dim::Kind::Symbol) return symbol_value(environment_.problem, dim.value);
    return sizes_[static_cast<std::size_t>(dim.value)];
  }

  /// `capture "a" (n)`, for messages: a capture whose last dimension this is.
  std::string rows_text(const Dim& dim) const {
    for (const CaptureInfo& capture : form_.captures)
      if (!capture.dims.empty() && capture.dims.back() == dim) return fmt::format("capture \"{}\" ({})", capture.name, declared_text(form_, capture));
    return fmt::format("length {}", dim_text(form_, dim));
  }

  Result<void> bind_capture(std::size_t index) {
    const CaptureInfo& capture = form_.captures[index];
    if (index >= environment_.captures.size() || environment_.captures[index].absent()) {
      if (!capture.used) return {};
      return input_error(fmt::format("capture \"{}\" is missing: the variant reads it as {}", capture.name, declared_text(form_, capture)));
    }
    const TensorView& view = environment_.captures[index];
    const auto mismatch = [&](const std::string& why) {
      return input_error(fmt::format("capture \"{}\": expected {}, found {}{}", capture.name, declared_text(form_, capture), found_text(view), why));
    };
    if (view.dtype != capture.dtype || view.rank() != capture.dims.size()) return mismatch("");
    if (view.strides.size() != view.rank()) return mismatch(fmt::format(" with {} strides", view.strides.size()));
    for (std::size_t axis = 0; axis < view.rank(); ++axis) {
      const Dim& dim = capture.dims[axis];
      const std::int64_t found = view.shape[axis];
      if (found < 0) return mismatch(": a dimension is negative");
      if (dim.kind != Dim::Kind::Fresh) {
        const std::int64_t expected = size_of_dim(dim);
        if (found == expected) continue;
        return mismatch(dim.kind == Dim::Kind::Symbol ? fmt::format(": {} is {} in this call, but dimension {} is {}", dim_text(form_, dim), expected, axis, found)
                                                      : fmt::format(": dimension {} must be {}", axis, expected));
      }
      std::int64_t& size = sizes_[static_cast<std::size_t>(dim.value)];
      std::string& owner = owners_[static_cast<std::size_t>(dim.value)];
      if (size == kUnknown) {
        size = found;
        owner = capture.name;
      } else if (size != found) {
        return mismatch(fmt::format(": {} is {} in capture \"{}\", but dimension {} is {}", dim_text(form_, dim), size, owner, axis, found));
      }
    }
    if (view.memory != memory_) return mismatch(memory_ == MemoryKind::Host ? ": only host memory is read here" : ": only the GPU's memory is read here");
    if (view.data == nullptr && view.element_count() != 0) return mismatch(": its data pointer is null");
    return {};
  }

  Result<void> check_sizes_read(const Body& body) const {
    for (const Node& node : body.nodes) {
      if (node.op != Op::FreshDim || sizes_[static_cast<std::size_t>(node.imm)] != kUnknown) continue;
      const Dim dim{Dim::Kind::Fresh, node.imm};
      for (const CaptureInfo& capture : form_.captures)
        for (const Dim& candidate : capture.dims)
          if (candidate == dim)
            return input_error(fmt::format("capture \"{}\" is missing: the variant reads its shape, {}", capture.name, declared_text(form_, capture)));
    }
    return {};
  }

  const NormalForm& form_;
  const Environment& environment_;
  MemoryKind memory_;
  std::vector<std::int64_t> sizes_;
  std::vector<std::string> owners_;
};

}  // namespace

Result<std::vector<std::int64_t>> bind_dims(const NormalForm& form, const Environment& environment, MemoryKind memory) {
  return Binder(form, environment, memory).bind();
}

}  // namespace flexc::dsl
