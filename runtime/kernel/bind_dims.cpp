#include "flexc/runtime/bind_dims.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace flexc::runtime {
namespace {

std::int64_t symbol_value(const Problem& problem, std::int64_t symbol) {
  const std::int64_t values[] = {problem.batch, problem.heads, problem.kv_heads, problem.q_total, problem.kv_total};
  return values[symbol];
}

std::string dim_text(const Signature& signature, const Dim& dim) {
  if (dim.kind == Dim::Kind::Constant) return std::to_string(dim.value);
  if (dim.kind == Dim::Kind::Symbol) return std::string(kSymbolNames[static_cast<std::size_t>(dim.value)]);
  const std::string& name = signature.fresh_dims[static_cast<std::size_t>(dim.value)];
  return name.empty() ? "any" : name;
}

std::string declared_text(const Signature& signature, const CaptureInfo& capture) {
  std::string dims;
  for (const Dim& dim : capture.dims) dims += (dims.empty() ? "" : ", ") + dim_text(signature, dim);
  return fmt::format("{}[{}]", name_of(capture.dtype), dims);
}

std::string found_text(const TensorView& view) { return fmt::format("{}[{}]", name_of(view.dtype), fmt::join(view.shape, ", ")); }

std::unexpected<Error> input_error(std::string message) { return std::unexpected(Error{ErrorKind::Input, std::move(message)}); }

class Binder {
 public:
  Binder(const Signature& signature, const Environment& environment, MemoryKind memory)
      : signature_(signature), environment_(environment), memory_(memory), sizes_(signature.fresh_dims.size(), kUnknown), owners_(signature.fresh_dims.size()) {}

  Result<std::vector<std::int64_t>> bind() {
    for (std::size_t i = 0; i < signature_.captures.size(); ++i)
      if (auto bound = bind_capture(i); !bound) return std::unexpected(bound.error());
    for (std::size_t i = 0; i < signature_.params.size(); ++i)
      if (signature_.params[i].used && i >= environment_.params.size())
        return input_error(fmt::format("param \"{}\" has no value", signature_.params[i].name));
    if (auto checked = check_sizes_read(); !checked) return std::unexpected(checked.error());
    for (const auto& [a, b] : signature_.equal_lengths)
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
    for (const CaptureInfo& capture : signature_.captures)
      if (!capture.dims.empty() && capture.dims.back() == dim) return fmt::format("capture \"{}\" ({})", capture.name, declared_text(signature_, capture));
    return fmt::format("length {}", dim_text(signature_, dim));
  }

  Result<void> bind_capture(std::size_t index) {
    const CaptureInfo& capture = signature_.captures[index];
    if (index >= environment_.captures.size() || environment_.captures[index].absent()) {
      if (!capture.used) return {};
      return input_error(fmt::format("capture \"{}\" is missing: the variant reads it as {}", capture.name, declared_text(signature_, capture)));
    }
    const TensorView& view = environment_.captures[index];
    const auto mismatch = [&](const std::string& why) {
      return input_error(fmt::format("capture \"{}\": expected {}, found {}{}", capture.name, declared_text(signature_, capture), found_text(view), why));
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
        return mismatch(dim.kind == Dim::Kind::Symbol ? fmt::format(": {} is {} in this call, but dimension {} is {}", dim_text(signature_, dim), expected, axis, found)
                                                      : fmt::format(": dimension {} must be {}", axis, expected));
      }
      std::int64_t& size = sizes_[static_cast<std::size_t>(dim.value)];
      std::string& owner = owners_[static_cast<std::size_t>(dim.value)];
      if (size == kUnknown) {
        size = found;
        owner = capture.name;
      } else if (size != found) {
        return mismatch(fmt::format(": {} is {} in capture \"{}\", but dimension {} is {}", dim_text(signature_, dim), size, owner, axis, found));
      }
    }
    if (view.memory != memory_) return mismatch(memory_ == MemoryKind::Host ? ": only host memory is read here" : ": only the GPU's memory is read here");
    if (view.data == nullptr && view.element_count() != 0) return mismatch(": its data pointer is null");
    return {};
  }

  Result<void> check_sizes_read() const {
    for (const std::uint32_t read : signature_.sizes_read) {
      if (sizes_[read] != kUnknown) continue;
      const Dim dim{Dim::Kind::Fresh, read};
      for (const CaptureInfo& capture : signature_.captures)
        for (const Dim& candidate : capture.dims)
          if (candidate == dim)
            return input_error(fmt::format("capture \"{}\" is missing: the variant reads its shape, {}", capture.name, declared_text(signature_, capture)));
    }
    return {};
  }

  const Signature& signature_;
  const Environment& environment_;
  MemoryKind memory_;
  std::vector<std::int64_t> sizes_;
  std::vector<std::string> owners_;
};

}  // namespace

Result<std::vector<std::int64_t>> bind_dims(const Signature& signature, const Environment& environment, MemoryKind memory) {
  return Binder(signature, environment, memory).bind();
}

}  // namespace flexc::runtime
