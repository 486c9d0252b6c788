#include "runtime/tile/device_plane.h"

#include <cstring>
#include <type_traits>

namespace flexc::tile {
namespace {

constexpr std::uint8_t kKeepsBits = 4;

template <class Range>
std::vector<Range> flattened(const std::vector<std::vector<Range>>& levels) {
  std::vector<Range> all;
  for (const auto& level : levels) all.insert(all.end(), level.begin(), level.end());
  return all;
}

}  // namespace

template <class T>
std::size_t DevicePlane::append(const T* data, std::size_t count) {
  static_assert(std::is_trivially_copyable_v<T>);
  bytes_.resize((bytes_.size() + kAlignment - 1) / kAlignment * kAlignment);
  const std::size_t at = bytes_.size();
  bytes_.resize(at + count * sizeof(T));
  if (count > 0) std::memcpy(bytes_.data() + at, data, count * sizeof(T));
  return at;
}

void DevicePlane::add_gather(const GatherPlan& plan, DType dtype) {
  DeviceGather gather{};
  Tables tables;
  gather.index[0] = plan.index[0], gather.index[1] = plan.index[1];
  gather.dtype = static_cast<std::uint32_t>(dtype);
  // Tables that the device made are where they are.
  const auto as_made = [&](DeviceGather made) {
    made.index[0] = plan.index[0], made.index[1] = plan.index[1];
    return made;
  };
  const auto put_table = [&](const auto& integers, const auto& reals) {
    if (is_float(dtype)) {
      const auto all = flattened(reals);
      tables.table = append(all.data(), all.size());
      gather.levels = static_cast<Int>(reals.size());
    } else {
      const auto all = flattened(integers);
      tables.table = append(all.data(), all.size());
      gather.levels = static_cast<Int>(integers.size());
    }
    tables.has_table = true;
  };
  switch (plan.kind) {
    case GatherPlan::Kind::Zero: gather.kind = DeviceGather::kZero; break;
    case GatherPlan::Kind::Unknown: gather.kind = DeviceGather::kUnknown; break;
    case GatherPlan::Kind::Line: {
      if (plan.remote_line) {
        gather = as_made(plan.remote_line->gather());
        break;
      }
      const LineSummary::Tables line = plan.line->tables();
      gather.kind = DeviceGather::kLine;
      gather.data = line.line.view->data;
      gather.base = line.line.base, gather.extents[0] = line.line.extent, gather.strides[0] = line.line.stride;
      put_table(line.integers, line.reals);
      gather.signature_words = static_cast<Int>(line.signatures.empty() ? 0 : plan.line->signature_words());
      if (gather.signature_words > 0) {
        const auto all = flattened(line.signatures);
        tables.signatures = append(all.data(), all.size());
        tables.has_signatures = true;
      }
      break;
    }
    case GatherPlan::Kind::Grid: {
      if (plan.remote_grid) {
        gather = as_made(plan.remote_grid->gather());
        break;
      }
      const GridSummary::Tables grid = plan.grid->tables();
      gather.kind = DeviceGather::kGrid;
      gather.data = grid.view.data;
      gather.base = grid.base;
      for (int axis = 0; axis < 2; ++axis) gather.extents[axis] = grid.extents[axis], gather.strides[axis] = grid.strides[axis];
      put_table(grid.integers, grid.reals);
      break;
    }
  }
  gathers_.push_back(gather);
  tables_.push_back(tables);
}

DevicePlane::DevicePlane(const Plane& plane) : register_count_(static_cast<std::uint32_t>(plane.register_count())), result_(plane.result()) {
  std::vector<std::uint8_t> types;
  for (const Type type : plane.types()) types.push_back(static_cast<std::uint8_t>(type));
  std::vector<DeviceStep> steps;
  std::vector<DType> dtypes(plane.gathers().size(), DType::I32);
  std::vector<bool> read(register_count_, false);
  read[result_] = true;
  for (const Step& step : plane.steps()) {
    DeviceStep to{};
    to.imm = step.imm, to.to = step.to, to.a = step.a, to.b = step.b, to.c = step.c, to.extra = step.extra;
    to.kind = static_cast<std::uint8_t>(step.kind), to.op = static_cast<std::uint8_t>(step.op), to.type = static_cast<std::uint8_t>(plane.types()[step.to]);
    to.flags = static_cast<std::uint8_t>((step.bits ? kWantsBits : 0) | (step.signatures ? kComparesSignatures : 0));
    if (step.bits) types[step.to] |= kKeepsBits;
    if (step.kind == Step::Kind::Gather) dtypes[step.extra] = plane.binding().launch.captures[static_cast<std::size_t>(step.imm)].dtype;
    if (step.kind == Step::Kind::Operation)
      for (const Register operand : {step.a, step.b, step.c}) read[operand] = true;
    if (step.kind == Step::Kind::Gather)
      for (const Register index : plane.gathers()[step.extra].index) read[index] = true;
    if (step.kind == Step::Kind::Linear)
      for (const auto& term : plane.linear()[step.extra].terms) read[term.at] = true;
    steps.push_back(to);
  }
  std::vector<DeviceLinear> linear;
  std::vector<DeviceTerm> terms;
  for (const LinearCompare& compare : plane.linear()) {
    linear.push_back({compare.constant, static_cast<std::uint32_t>(terms.size()), static_cast<std::uint32_t>(compare.terms.size()), static_cast<std::uint32_t>(compare.op), 0});
    for (const auto& [at, coefficient] : compare.terms) terms.push_back({coefficient, at, 0});
  }
  std::vector<DeviceConstant> constants;
  for (Register i = 0; i < register_count_; ++i)
    if (read[i] && plane.is_constant(i)) constants.push_back({plane.types()[i] == Type::Bool ? plane.truth(i) : plane.integer(i), plane.real(i), i});
  for (std::size_t i = 0; i < plane.gathers().size(); ++i) add_gather(plane.gathers()[i], dtypes[i]);
  step_count_ = static_cast<std::uint32_t>(steps.size()), constant_count_ = static_cast<std::uint32_t>(constants.size());
  steps_at_ = append(steps.data(), steps.size());
  linear_at_ = append(linear.data(), linear.size());
  terms_at_ = append(terms.data(), terms.size());
  gathers_at_ = append(gathers_.data(), gathers_.size());
  constants_at_ = append(constants.data(), constants.size());
  types_at_ = append(types.data(), types.size());
}

void DevicePlane::relocate(std::uint64_t at) {
  for (std::size_t i = 0; i < gathers_.size(); ++i) {
    if (tables_[i].has_table) gathers_[i].table = reinterpret_cast<const void*>(at + tables_[i].table);
    if (tables_[i].has_signatures) gathers_[i].signatures = reinterpret_cast<const Word*>(at + tables_[i].signatures);
  }
  if (!gathers_.empty()) std::memcpy(bytes_.data() + gathers_at_, gathers_.data(), gathers_.size() * sizeof(DeviceGather));
}

VerdictArguments DevicePlane::arguments(std::uint64_t at) const {
  VerdictArguments arguments{};
  arguments.steps = reinterpret_cast<const DeviceStep*>(at + steps_at_);
  arguments.linear = reinterpret_cast<const DeviceLinear*>(at + linear_at_);
  arguments.terms = reinterpret_cast<const DeviceTerm*>(at + terms_at_);
  arguments.gathers = reinterpret_cast<const DeviceGather*>(at + gathers_at_);
  arguments.constants = reinterpret_cast<const DeviceConstant*>(at + constants_at_);
  arguments.types = reinterpret_cast<const std::uint8_t*>(at + types_at_);
  arguments.step_count = step_count_, arguments.constant_count = constant_count_, arguments.register_count = register_count_, arguments.result = result_;
  return arguments;
}

}  // namespace flexc::tile
