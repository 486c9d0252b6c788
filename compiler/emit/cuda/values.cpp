// Values: which function computes what, and how a function gets at what an earlier one has computed.
#include <bit>
#include <functional>
#include <limits>

#include <fmt/format.h>

#include "compiler/emit/cuda/emitter.h"

using namespace mlir;

namespace flexc::compiler::cuda {
namespace {

template <class T>
std::size_t place_in(std::vector<T>& list, const T& item) {
  const auto found = std::find(list.begin(), list.end(), item);
  if (found != list.end()) return static_cast<std::size_t>(found - list.begin());
  list.push_back(item);
  return list.size() - 1;
}

/// An integer constant that is a power of two, as its exponent.
std::optional<int> power_of_two(Value value) {
  const auto constant = flex::constant_integer(value);
  if (!constant || *constant <= 0 || !std::has_single_bit(static_cast<std::uint64_t>(*constant))) return std::nullopt;
  return std::countr_zero(static_cast<std::uint64_t>(*constant));
}

}  // namespace

Level HooksEmitter::level_of_value(Value value) {
  const unsigned coordinates = dependences_.of(value) & ~unsigned{kOnLoop};
  if ((coordinates & kOnScore) || ((coordinates & kOnQ) && (coordinates & kOnKv))) return Level::Pair;
  if (coordinates & kOnKv) return Level::Column;
  if (coordinates & kOnQ) return Level::Row;
  // The host evaluates the launch level, and captures are in the GPU's memory.
  return coordinates & kOnHead || reads_memory(value) ? Level::Head : Level::Launch;
}

bool HooksEmitter::reads_memory(Value value) {
  Operation* op = value.getDefiningOp();
  if (!op) return false;
  if (const auto found = reads_memory_.find(value); found != reads_memory_.end()) return found->second;
  bool result = isa<flex::GatherOp, flex::ReduceOp>(op);
  for (Value operand : op->getOperands()) result = result || reads_memory(operand);
  return reads_memory_[value] = result;
}

void HooksEmitter::line(Function& function, const std::string& text) {
  function.body.append(static_cast<std::size_t>(function.indent), ' ');
  function.body += text + "\n";
}

std::string HooksEmitter::define(Function& function, Type type, const std::string& text) {
  const std::string key = type_name(type) + " " + text;
  const auto found = function.known.find(key);
  if (found != function.known.end()) return found->second;
  std::string name = fmt::format("v{}", next_name_++);
  line(function, fmt::format("const {} {} = {};", type_name(type), name, text));
  return function.known[key] = name;
}

/// A level's field, as seen from a function of a later level.
std::string HooksEmitter::access(const Function& function, Level level, const std::string& name) {
  if (level == Level::Launch) return fmt::format("params.{}.value", name);
  if (level == Level::Row) return "row." + name;
  return (function.has_row ? "row.head." : "head.") + name;
}

std::string HooksEmitter::field(Function& function, const Item& wanted, Level level) {
  for (const Field& known : fields_[level])
    if (known.item == wanted) return access(function, level, known.name);
  fields_[level].push_back({wanted, "v"});
  return access(function, level, "v");
}

std::string HooksEmitter::argument(const Function& function, BlockArgument argument) {
  Operation* owner = argument.getOwner()->getParentOp();
  unsigned number = argument.getArgNumber();
  if (isa<flex::ScoreModOp>(owner)) {
    if (number == 0) return "score";
    --number;
  }
  if (number == 0) return access(function, Level::Head, "b");
  if (number == 1) return access(function, Level::Head, "h");
  if (function.of_difference) return number == 2 ? "difference" : literal(0, 64);
  if (number == 2) return access(function, Level::Row, "q");
  if (isa<flex::AffineRowOp>(owner)) return number == 3 ? "kv_base" : "kv_step";
  return "kv";
}

std::string HooksEmitter::dim(flex::DimAttr size) {
  constexpr const char* kMembers[] = {"batch", "heads", "kv_heads", "q_total", "kv_total"};
  switch (size.getKind()) {
    case dsl::Dim::Kind::Constant: return literal(size.getValue(), 64);
    case dsl::Dim::Kind::Symbol: return fmt::format("params.problem.{}", kMembers[size.getValue()]);
    case dsl::Dim::Kind::Fresh: break;
  }
  place_in(fresh_dims_, static_cast<unsigned>(size.getValue()));
  return fmt::format("params.n{}.value", size.getValue());
}

std::string HooksEmitter::value(Function& function, Value value) {
  if (auto constant = value.getDefiningOp<arith::ConstantOp>()) {
    if (auto real = dyn_cast<FloatAttr>(constant.getValue())) return literal(std::bit_cast<float>(static_cast<std::uint32_t>(real.getValue().bitcastToAPInt().getZExtValue())));
    return literal(value.getType().isInteger(1) ? *flex::constant_integer(value) : cast<IntegerAttr>(constant.getValue()).getValue().getSExtValue(),
                   value.getType().getIntOrFloatBitWidth());
  }
  if (const auto found = function.names.find(value); found != function.names.end()) return found->second;
  if (auto block_argument = dyn_cast<BlockArgument>(value)) return argument(function, block_argument);

  Operation& op = *value.getDefiningOp();
  if (auto size = dyn_cast<flex::DimOp>(op)) return dim(size.getSize());
  if (auto read = dyn_cast<flex::ReadOp>(op)) {
    const unsigned number = flex::number_of(read.getParam());
    place_in(params_, number);
    const std::string word = fmt::format("params.p{}.value", number);
    return value.getType().isInteger(1) ? "(" + word + " != 0)" : word;
  }
  const bool in_loop = (dependences_.of(value) & kOnLoop) != 0;
  const Level level = level_of_value(value);
  const bool is_own = function.level == Level::Pair && (level == Level::Column || (function.of_difference && level == Level::Row));
  if (!in_loop && level < function.level && !is_own) return field(function, {value}, level);
  const bool is_named = isa<flex::ReduceOp>(op);
  std::string text = computed(function, op);
  std::string name = is_named ? text : define(function, value.getType(), text);
  function.names[value] = name;
  return name;
}

Level HooksEmitter::level_of_item(const Item& item) { return item.value.getDefiningOp<arith::ConstantOp>() ? Level::Launch : level_of_value(item.value); }

/// A value times scale or log2(e), computed where the value is.
std::string HooksEmitter::item(Function& function, const Item& wanted) {
  if (wanted.factor == Factor::None) return value(function, wanted.value);
  if (const auto constant = flex::constant_float(wanted.value); constant && wanted.factor == Factor::Log2E) return literal(*constant * kLog2E);
  const Level level = level_of_item(wanted);
  if (level < function.level) return field(function, wanted, level);
  const std::string factor = wanted.factor == Factor::Scale ? "params.scale" : "kLog2E";
  return define(function, wanted.value.getType(), fmt::format("{} * {}", value(function, wanted.value), factor));
}

std::string HooksEmitter::computed(Function& function, Operation& op) {
  if (op.hasAttr("flex.slot") && function.level == Level::Pair) return slot(function, op);
  if (op.hasAttr("flex.relative_slot") && !function.of_difference) return relative_slot(op.getResult(0), Factor::None);
  if (auto gather_op = dyn_cast<flex::GatherOp>(op)) return gather(function, gather_op);
  if (auto reduce = dyn_cast<flex::ReduceOp>(op)) return reduction(function, reduce);
  if (isa<flex::FloorDivOp, flex::ModOp>(op) && op.getOperand(0).getType().isSignlessInteger()) return quotient(function, op);
  SmallVector<std::string> operands;
  for (Value operand : op.getOperands()) operands.push_back(value(function, operand));
  if (isa<flex::ToI32Op>(op)) return fmt::format("truncate({})", operands[0]);
  if (isa<flex::ToI64Op>(op)) return fmt::format("static_cast<i64>({})", operands[0]);
  return operation_text(op, operands, is_strict(op.getResult(0)));
}

std::string HooksEmitter::gather(Function& function, flex::GatherOp op) {
  auto declaration = SymbolTable::lookupNearestSymbolFrom<flex::CaptureOp>(variant_, op.getCaptureAttr());
  const Type stored = declaration.getElement();
  const std::string_view element = stored.isF32()                ? "f32"
                                   : stored.isF16()              ? "f16"
                                   : stored.isBF16()             ? "bf16"
                                   : stored.isInteger(1)         ? "bool"
                                   : stored.isUnsignedInteger(8) ? "u8"
                                   : stored.isInteger(32)        ? "i32"
                                                                 : "i64";
  const unsigned number = flex::number_of(op.getCapture());
  place_in(captures_, number);
  std::string text = fmt::format("gather_{}(params.c{}", element, number);
  for (Value index : op.getIndices()) text += ", " + value(function, index);
  return text + ")";
}

/// Values are written where they are first read: those of a loop that no turn changes are therefore asked for before it. In the loop they
/// would be computed in every turn, and reductions that read reductions would nest.
void HooksEmitter::write_invariants(Function& function, flex::ReduceOp loop) {
  llvm::DenseMap<Value, bool> known;
  const std::function<bool(Value)> varies = [&](Value value) {
    if (auto argument = dyn_cast<BlockArgument>(value)) return loop.getBody().isAncestor(argument.getParentRegion());
    Operation* op = value.getDefiningOp();
    if (!loop.getBody().isAncestor(op->getParentRegion())) return false;
    if (const auto found = known.find(value); found != known.end()) return found->second;
    bool result = false;
    const auto ask = [&](Operation* reader) {
      for (Value operand : reader->getOperands()) {
        auto argument = dyn_cast<BlockArgument>(operand);
        const bool is_own = op->getNumRegions() != 0 && argument && op->isAncestor(argument.getOwner()->getParentOp());
        result = result || (!is_own && varies(operand));
      }
    };
    op->walk(ask);
    return known[value] = result;
  };
  llvm::DenseSet<Value> seen;
  const std::function<void(Value)> visit = [&](Value read) {
    if (!seen.insert(read).second) return;
    if (!varies(read)) {
      value(function, read);
      return;
    }
    if (Operation* op = read.getDefiningOp()) op->walk([&](Operation* reader) { llvm::for_each(reader->getOperands(), visit); });
  };
  visit(cast<flex::YieldOp>(loop.getBody().front().getTerminator()).getValues()[0]);
}

/// Element after element, from 0 upwards. What the body computes is not seen after it.
std::string HooksEmitter::reduction(Function& function, flex::ReduceOp op) {
  using Integers = std::numeric_limits<std::int64_t>;
  const Type type = op.getType();
  const StringRef kind = op.getKind();
  const float infinity = std::numeric_limits<float>::infinity();
  const std::string start = type.isF32() ? literal(kind == "sum" ? 0.0f : kind == "min" ? infinity : -infinity)
                                         : literal(kind == "sum" ? 0 : kind == "min" ? Integers::max() : Integers::min(), 64);
  write_invariants(function, op);
  const std::string total = fmt::format("v{}", next_name_++), index = fmt::format("v{}", next_name_++);
  line(function, fmt::format("{} {} = {};", type_name(type), total, start));
  line(function, fmt::format("for (i64 {0} = 0; {0} < {1}; ++{0}) {{", index, dim(op.getLength())));
  const auto names = function.names;
  const auto known = function.known;
  function.indent += 2;
  Block& body = op.getBody().front();
  function.names[body.getArgument(0)] = index;
  const std::string element = value(function, cast<flex::YieldOp>(body.getTerminator()).getValues()[0]);
  line(function, fmt::format("{} = {};", total, combine_text(kind, type, total, element, is_strict(op.getResult()))));
  function.indent -= 2;
  function.names = names;
  function.known = known;
  line(function, "}");
  return total;
}

/// Divisors that are known at launch come with magic numbers, powers of two are shifts: nothing else in a kernel divides integers.
std::string HooksEmitter::quotient(Function& function, Operation& op) {
  const bool is_remainder = isa<flex::ModOp>(op);
  const Value by = op.getOperand(1);
  const std::string a = value(function, op.getOperand(0));
  const unsigned width = by.getType().getIntOrFloatBitWidth();
  if (const auto exponent = power_of_two(by)) {
    if (is_remainder) return fmt::format("{} & {}", a, literal((std::int64_t{1} << *exponent) - 1, width));
    return fmt::format("shift_right({}, {})", a, literal(*exponent, width));
  }
  const bool from_launch = !by.getDefiningOp<arith::ConstantOp>() && function.level != Level::Launch && level_of_value(by) == Level::Launch;
  return fmt::format("{}({}, {})", is_remainder ? "floor_mod" : "floor_div", a, from_launch ? divisor(by) : value(function, by));
}

std::string HooksEmitter::divisor(Value value) { return fmt::format("params.d{}", place_in(divisors_, value)); }

namespace {

/// A value of a table's words, `word(i)` being the text of the i-th.
std::string from_words(Type type, unsigned words, llvm::function_ref<std::string(unsigned)> word) {
  if (type.isF32()) return fmt::format("float_of({})", word(0));
  if (type.isInteger(1)) return word(0) + " != 0";
  if (type.isInteger(32)) return fmt::format("static_cast<i32>({})", word(0));
  return words == 1 ? fmt::format("sign_extend({})", word(0)) : fmt::format("join_words({}, {})", word(0), word(1));
}

}  // namespace

std::string HooksEmitter::slot(Function&, Operation& op) {
  const auto found = llvm::find_if(slots_, [&](const Slot& slot) { return slot.value == op.getResult(0); });
  return from_words(op.getResult(0).getType(), found->words, [&](unsigned i) { return fmt::format("table.word({}, column)", found->word + i); });
}

/// A template without a table of differences gets the value computed in place (hooks.cuh).
std::string HooksEmitter::relative_slot(Value value, Factor factor) {
  const auto found = llvm::find_if(relative_slots_, [&](const Slot& slot) { return slot.value == value && slot.factor == factor; });
  return from_words(value.getType(), found->words,
                    [&](unsigned i) { return fmt::format("relative_word<{}>(params, row, kv, table, {}, column)", options_.struct_name, found->word + i); });
}

/// score + R or score - R with R in the table of differences: then the table has R times log2(e), and a pair one fused operation.
Value HooksEmitter::added_difference() {
  Block& block = score_.getBody().front();
  const Value score = block.getArgument(0), result = cast<flex::YieldOp>(block.getTerminator()).getValues()[0];
  Operation* last = result.getDefiningOp();
  if (!last || !isa<flex::AddOp, flex::SubOp>(last) || is_strict(result) || !score.hasOneUse()) return {};
  const bool is_first = last->getOperand(0) == score;
  if (!is_first && (isa<flex::SubOp>(last) || last->getOperand(1) != score)) return {};
  const Value other = last->getOperand(is_first ? 1 : 0);
  Operation* op = other.getDefiningOp();
  return op && op->hasAttr("flex.relative_slot") && other.hasOneUse() && !is_strict(other) ? other : Value();
}

/// The words of each column: an i64 that came out of a narrower capture takes one.
void HooksEmitter::find_slots() {
  variant_.walk([&](Operation* op) {
    if (!op->hasAttr("flex.slot")) return;
    const Value value = op->getResult(0);
    unsigned words = value.getType().isInteger(64) ? 2 : 1;
    if (auto gather_op = dyn_cast<flex::GatherOp>(op)) {
      auto declaration = SymbolTable::lookupNearestSymbolFrom<flex::CaptureOp>(variant_, gather_op.getCaptureAttr());
      if (declaration.getElement().getIntOrFloatBitWidth() <= 32) words = 1;
    }
    slots_.push_back({value, column_words_, words});
    column_words_ += words;
  });
  if (!score_ || score_class_ != ScoreClass::General) return;
  const Value added = added_difference();
  score_->walk([&](Operation* op) {
    if (!op->hasAttr("flex.relative_slot")) return;
    const Value value = op->getResult(0);
    const Slot slot{value, relative_words_, value.getType().isInteger(64) ? 2u : 1u, value == added ? Factor::Log2E : Factor::None};
    relative_slots_.push_back(slot);
    relative_words_ += slot.words;
  });
}

}  // namespace flexc::compiler::cuda
