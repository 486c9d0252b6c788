// The functions of templates/cpu/row_segment.h around the mods: one loop over columns each, vectors of `width` columns, no
// tail (segments are padded), no call.
#include "compiler/emit/llvm/emitter.h"
#include "templates/cpu/row_segment.h"

using namespace mlir;

namespace flexc::compiler {
namespace {

constexpr float kLog2E = 1.44269504088896340736f;
constexpr std::int64_t kBitsPerWord = 64;

class RowModule {
 public:
  RowModule(ModuleOp into, flex::VariantOp variant, int width)
      : builder_(OpBuilder::atBlockEnd(into.getBody())), into_(into), variant_(variant), location_(variant.getLoc()), width_(width) {}

  void emit() {
    flexc_score_class score_class = FLEXC_SCORE_IDENTITY;
    StringRef score, affine, band, mask, key;
    for (Operation& op : variant_.getBody().front()) {
      if (auto mod = dyn_cast<flex::ScoreModOp>(op)) {
        const auto name = mod->getAttrOfType<StringAttr>("flex.score_class");
        if (name && name.getValue() == "identity") continue;
        score_class = name && name.getValue() == "affine" ? FLEXC_SCORE_AFFINE : FLEXC_SCORE_GENERAL;
        score = "flexc_score_row";
        score_row(mod, score);
      } else if (auto row = dyn_cast<flex::AffineRowOp>(op)) {
        affine = "flexc_affine_row";
        affine_row(row, affine);
      } else if (auto limits = dyn_cast<flex::BandOp>(op)) {
        band = "flexc_band_row";
        band_row(limits, band);
      } else if (auto keep = dyn_cast<flex::MaskModOp>(op)) {
        mask = "flexc_mask_row";
        mask_row(keep, mask);
        if (const Value number = all_of_row(keep)) {
          key = "flexc_mask_key";
          mask_key(keep, number, key);
        }
      }
    }
    const int slots = count_slots();
    if (slots > 0) kv_side("flexc_kv_side");
    table(score_class, slots, slots > 0 ? "flexc_kv_side" : "", score, affine, band, mask, key);
  }

 private:
  Type pointer() { return llvm_ir::LLVMPointerType::get(builder_.getContext()); }

  /// void name(launch, levels, segment, out), with the insertion point in it.
  Block& function(StringRef name) { return function(name, {pointer(), pointer(), pointer(), pointer()}); }

  Block& function(StringRef name, ArrayRef<Type> arguments) {
    builder_.setInsertionPointToEnd(into_.getBody());
    const auto type = llvm_ir::LLVMFunctionType::get(llvm_ir::LLVMVoidType::get(builder_.getContext()), arguments);
    auto function = builder_.create<llvm_ir::LLVMFuncOp>(location_, name, type, llvm_ir::Linkage::External, /*dsoLocal=*/true);
    function.setPassthroughAttr(builder_.getArrayAttr({builder_.getStringAttr("nounwind")}));
    Block* entry = function.addEntryBlock(builder_);
    builder_.setInsertionPointToStart(entry);
    return *entry;
  }

  struct Segment {
    Value b, h, q, kv_base, kv_step, count;
  };

  Segment load_segment(ModEmitter& emitter, Value pointer) {
    const Type i64 = builder_.getI64Type();
    const auto field = [&](std::size_t offset) { return emitter.load_field(pointer, offset, i64); };
    return {field(offsetof(flexc_row_segment, b)),       field(offsetof(flexc_row_segment, h)),       field(offsetof(flexc_row_segment, q)),
            field(offsetof(flexc_row_segment, kv_base)), field(offsetof(flexc_row_segment, kv_step)), field(offsetof(flexc_row_segment, count))};
  }

  template <class Op>
  Value binary(Value a, Value b) {
    return builder_.create<Op>(location_, a.getType(), a, b);
  }

  /// kv_base + kv_step·(first + lane), modulo 2^64 and modulo 2^32.
  void bind_columns(ModEmitter& emitter, Value argument, const Segment& segment, Value first) {
    const Value base = binary<llvm_ir::AddOp>(segment.kv_base, binary<llvm_ir::MulOp>(segment.kv_step, first));
    const auto positions = [&](auto zero, Value start, Value step) -> Value {
      SmallVector<decltype(zero)> lanes;
      for (int lane = 0; lane < width_; ++lane) lanes.push_back(lane);
      const auto type = cast<VectorType>(emitter.vector_of(start.getType()));
      const Value lane = builder_.create<llvm_ir::ConstantOp>(location_, DenseElementsAttr::get(type, ArrayRef<decltype(zero)>(lanes)));
      return binary<llvm_ir::AddOp>(emitter.broadcast(start), binary<llvm_ir::MulOp>(emitter.broadcast(step), lane));
    };
    const auto low = [&](Value value) -> Value { return builder_.create<llvm_ir::TruncOp>(location_, builder_.getI32Type(), value); };
    emitter.bind_columns(argument, positions(std::int64_t{0}, base, segment.kv_step), positions(std::int32_t{0}, low(base), low(segment.kv_step)));
  }

  template <class Mod>
  Segment begin(ModEmitter& emitter, Mod mod, Block& entry, unsigned first_index) {
    emitter.set_launch(entry.getArgument(0));
    const Segment segment = load_segment(emitter, entry.getArgument(2));
    Block& block = mod.getBody().front();
    emitter.bind(block.getArgument(first_index), segment.b);
    emitter.bind(block.getArgument(first_index + 1), segment.h);
    emitter.bind(block.getArgument(first_index + 2), segment.q);
    const Value levels = entry.getArgument(1);
    emitter.set_table({emitter.load_field(levels, offsetof(flexc_row_levels, kv_side), pointer()),
                       emitter.load_field(levels, offsetof(flexc_row_levels, kv_stride), builder_.getI64Type()), segment.count, {}});
    emitter.load_captures(mod.getBody());
    emitter.need_result(mod.getBody());
    emitter.emit_uniform(mod.getBody());
    return segment;
  }

  static Value result_of(Region& mod, unsigned i = 0) { return cast<flex::YieldOp>(mod.front().getTerminator()).getValues()[i]; }

  void score_row(flex::ScoreModOp mod, StringRef name) {
    Block& entry = function(name);
    ModEmitter emitter(builder_, variant_, width_);
    const Segment segment = begin(emitter, mod, entry, 1);
    const Type vector = emitter.vector_of(builder_.getF32Type());
    const Value log2e = builder_.create<llvm_ir::ConstantOp>(location_, DenseElementsAttr::get(cast<VectorType>(vector), kLog2E));
    emitter.loop(segment.count, width_, {}, [&](Value first, ValueRange) {
      const Value address = builder_.create<llvm_ir::GEPOp>(location_, pointer(), builder_.getF32Type(), entry.getArgument(3), ArrayRef<llvm_ir::GEPArg>{llvm_ir::GEPArg(first)});
      const unsigned alignment = static_cast<unsigned>(width_ * sizeof(float));
      emitter.bind(mod.getBody().front().getArgument(0), builder_.create<llvm_ir::LoadOp>(location_, vector, address, alignment));
      bind_columns(emitter, mod.getBody().front().getArgument(4), segment, first);
      emitter.set_column(first);
      emitter.emit_varying(mod.getBody());
      const Value score = emitter.get(result_of(mod.getBody()), true);
      builder_.create<llvm_ir::StoreOp>(location_, binary<llvm_ir::FMulOp>(score, log2e), address, alignment);
      return SmallVector<Value>{};
    });
    builder_.create<llvm_ir::ReturnOp>(location_, ValueRange());
  }

  /// Word by word: the word is shifted down by a vector's bits while new ones enter at the top.
  void mask_row(flex::MaskModOp mod, StringRef name) {
    Block& entry = function(name);
    ModEmitter emitter(builder_, variant_, width_);
    const Segment segment = begin(emitter, mod, entry, 0);
    const Type i64 = builder_.getI64Type();
    emitter.loop(segment.count, kBitsPerWord, {}, [&](Value word_first, ValueRange) {
      const Value word = emitter.loop(emitter.constant_i64(kBitsPerWord), width_, emitter.constant_i64(0), [&](Value first, ValueRange carried) {
        const Value column = binary<llvm_ir::AddOp>(word_first, first);
        bind_columns(emitter, mod.getBody().front().getArgument(3), segment, column);
        emitter.set_column(column);
        emitter.emit_varying(mod.getBody());
        const Value keep = emitter.get(result_of(mod.getBody()), true);
        const Value packed = builder_.create<llvm_ir::BitcastOp>(location_, builder_.getIntegerType(static_cast<unsigned>(width_)), keep);
        const Value bits = builder_.create<llvm_ir::ZExtOp>(location_, i64, packed);
        const Value room = binary<llvm_ir::LShrOp>(carried[0], emitter.constant_i64(width_));
        return SmallVector<Value>{binary<llvm_ir::OrOp>(room, binary<llvm_ir::ShlOp>(bits, emitter.constant_i64(kBitsPerWord - width_)))};
      })[0];
      const Value left = binary<llvm_ir::SubOp>(segment.count, word_first);
      const Value ones = emitter.constant_i64(-1);
      const Value is_last = builder_.create<llvm_ir::ICmpOp>(location_, llvm_ir::ICmpPredicate::slt, left, emitter.constant_i64(kBitsPerWord));
      const Value shift = binary<llvm_ir::AndOp>(binary<llvm_ir::SubOp>(emitter.constant_i64(0), left), emitter.constant_i64(kBitsPerWord - 1));
      const Value live = builder_.create<llvm_ir::SelectOp>(location_, is_last, binary<llvm_ir::LShrOp>(ones, shift), ones);
      const Value index = binary<llvm_ir::LShrOp>(word_first, emitter.constant_i64(6));
      const Value address = builder_.create<llvm_ir::GEPOp>(location_, pointer(), i64, entry.getArgument(3), ArrayRef<llvm_ir::GEPArg>{llvm_ir::GEPArg(index)});
      builder_.create<llvm_ir::StoreOp>(location_, binary<llvm_ir::AndOp>(word, live), address);
      return SmallVector<Value>{};
    });
    builder_.create<llvm_ir::ReturnOp>(location_, ValueRange());
  }

  /// The score's factor, row and slope in the log2 domain, from the bare product q·k.
  void affine_row(flex::AffineRowOp mod, StringRef name) {
    Block& entry = function(name);
    ModEmitter emitter(builder_, variant_, width_);
    emitter.set_launch(entry.getArgument(0));
    const Segment segment = load_segment(emitter, entry.getArgument(2));
    const Value arguments[] = {segment.b, segment.h, segment.q, segment.kv_base, segment.kv_step};
    for (auto [argument, value] : llvm::zip(mod.getBody().front().getArguments(), arguments)) emitter.bind(argument, value);
    emitter.load_captures(mod.getBody());
    emitter.need_result(mod.getBody());
    emitter.emit_uniform(mod.getBody());
    const Type f32 = builder_.getF32Type();
    const Value log2e = builder_.create<llvm_ir::ConstantOp>(location_, builder_.getF32FloatAttr(kLog2E));
    const Value factors[] = {emitter.load_field(entry.getArgument(0), offsetof(flexc_row_launch, scale_log2e), f32), log2e, log2e};
    constexpr std::int32_t kOffsets[] = {offsetof(flexc_row_affine, factor), offsetof(flexc_row_affine, row), offsetof(flexc_row_affine, slope)};
    for (unsigned i = 0; i < 3; ++i) {
      const Value value = binary<llvm_ir::FMulOp>(emitter.get(result_of(mod.getBody(), i), false), factors[i]);
      const Value address = builder_.create<llvm_ir::GEPOp>(location_, pointer(), builder_.getI8Type(), entry.getArgument(3),
                                                            ArrayRef<llvm_ir::GEPArg>{llvm_ir::GEPArg(kOffsets[i])});
      builder_.create<llvm_ir::StoreOp>(location_, value, address);
    }
    builder_.create<llvm_ir::ReturnOp>(location_, ValueRange());
  }

  /// The row's intervals: (launch, head, q_side, b, h, q, out). A second interval that is not there is [0, 0).
  void band_row(flex::BandOp band, StringRef name) {
    const Type i64 = builder_.getI64Type();
    Block& entry = function(name, {pointer(), pointer(), pointer(), i64, i64, i64, pointer()});
    ModEmitter emitter(builder_, variant_, width_);
    emitter.set_launch(entry.getArgument(0));
    for (auto [i, argument] : llvm::enumerate(band.getBody().front().getArguments())) emitter.bind(argument, entry.getArgument(3 + static_cast<unsigned>(i)));
    emitter.load_captures(band.getBody());
    emitter.need_result(band.getBody());
    emitter.emit_uniform(band.getBody());
    const auto limits = cast<flex::YieldOp>(band.getBody().front().getTerminator()).getValues();
    constexpr std::int32_t kOffsets[] = {offsetof(flexc_row_band, lo0), offsetof(flexc_row_band, hi0), offsetof(flexc_row_band, lo1), offsetof(flexc_row_band, hi1)};
    for (unsigned i = 0; i < 4; ++i) {
      const Value value = i < limits.size() ? emitter.get(limits[i], false) : emitter.constant_i64(0);
      const Value address = builder_.create<llvm_ir::GEPOp>(location_, pointer(), builder_.getI8Type(), entry.getArgument(6),
                                                            ArrayRef<llvm_ir::GEPArg>{llvm_ir::GEPArg(kOffsets[i])});
      builder_.create<llvm_ir::StoreOp>(location_, value, address);
    }
    builder_.create<llvm_ir::ReturnOp>(location_, ValueRange());
  }

  /// The only value of a row that the mask's pairs meet, besides b and h; null where there are several, or the position itself, which is another one for each row.
  static Value all_of_row(flex::MaskModOp mod) {
    Dependences dependences;
    Value found;
    bool is_only = true;
    const auto meet = [&](Value value) {
      const auto narrowed = value.getDefiningOp<flex::ToI32Op>();
      is_only &= !isa<BlockArgument>(narrowed ? narrowed->getOperand(0) : value) && (!found || found == value);
      found = value;
    };
    SmallVector<Value> open{result_of(mod.getBody())};
    llvm::DenseSet<Value> seen;
    while (!open.empty() && is_only) {
      const Value value = open.pop_back_val();
      const unsigned on = dependences.of(value);
      if ((on & kOnQ) == 0 || !seen.insert(value).second) continue;
      if ((on & kOnKv) == 0) {
        meet(value);
        continue;
      }
      Operation* const op = value.getDefiningOp();
      is_only &= op->getNumRegions() == 0;  // a reduction over pairs may meet the row in its body
      open.append(op->operand_begin(), op->operand_end());
    }
    return is_only ? found : Value();
  }

  /// That value, as an i64: (launch, head, q_side, b, h, q, out).
  void mask_key(flex::MaskModOp mod, Value number, StringRef name) {
    const Type i64 = builder_.getI64Type();
    Block& entry = function(name, {pointer(), pointer(), pointer(), i64, i64, i64, pointer()});
    ModEmitter emitter(builder_, variant_, width_);
    emitter.set_launch(entry.getArgument(0));
    for (unsigned i = 0; i < 3; ++i) emitter.bind(mod.getBody().front().getArgument(i), entry.getArgument(3 + i));
    emitter.load_captures(mod.getBody());
    emitter.need_value(number);
    emitter.emit_uniform(mod.getBody());
    Value key = emitter.get(number, false);
    if (key.getType().isF32()) key = builder_.create<llvm_ir::BitcastOp>(location_, builder_.getI32Type(), key);
    if (!key.getType().isInteger(64)) key = builder_.create<llvm_ir::ZExtOp>(location_, i64, key);
    builder_.create<llvm_ir::StoreOp>(location_, key, entry.getArgument(6));
    builder_.create<llvm_ir::ReturnOp>(location_, ValueRange());
  }

  /// The columns' values of all mods, one loop a mod: (launch, head, b, h, kv_base, kv_step, count, out, stride).
  void kv_side(StringRef name) {
    const Type i64 = builder_.getI64Type();
    Block& entry = function(name, {pointer(), pointer(), i64, i64, i64, i64, i64, pointer(), i64});
    const Segment segment{entry.getArgument(2), entry.getArgument(3), {}, entry.getArgument(4), entry.getArgument(5), entry.getArgument(6)};
    for (Operation& mod : variant_.getBody().front()) {
      if (!isa<flex::ScoreModOp, flex::MaskModOp>(mod) || !has_slots(mod)) continue;
      Region& body = mod.getRegion(0);
      const unsigned first_index = isa<flex::ScoreModOp>(mod) ? 1 : 0;
      ModEmitter emitter(builder_, variant_, width_);
      emitter.set_launch(entry.getArgument(0));
      emitter.bind(body.front().getArgument(first_index), segment.b);
      emitter.bind(body.front().getArgument(first_index + 1), segment.h);
      emitter.load_captures(body);
      emitter.need_slots(body);
      emitter.emit_uniform(body);
      emitter.loop(segment.count, width_, {}, [&](Value first, ValueRange) {
        bind_columns(emitter, body.front().getArgument(first_index + 3), segment, first);
        emitter.emit_varying(body);
        for (Operation& op : body.front()) {
          const auto slot = op.getAttrOfType<IntegerAttr>("flex.slot");
          if (!slot) continue;
          const Value address = emitter.slot_address({entry.getArgument(7), entry.getArgument(8), segment.count, first}, slot.getInt());
          builder_.create<llvm_ir::MaskedStoreOp>(location_, emitter.to_slot(emitter.get(op.getResult(0), true)), address,
                                                  emitter.live_lanes(first, segment.count), builder_.getI32IntegerAttr(sizeof(std::int64_t)));
        }
        return SmallVector<Value>{};
      });
    }
    builder_.create<llvm_ir::ReturnOp>(location_, ValueRange());
  }

  /// Identity and affine scores have none: a gather of the column makes a score general.
  static bool has_slots(Operation& mod) {
    return llvm::any_of(mod.getRegion(0).front(), [](Operation& op) { return op.hasAttr("flex.slot"); });
  }

  int count_slots() {
    int slots = 0;
    variant_.walk([&](Operation* op) {
      if (const auto slot = op->getAttrOfType<IntegerAttr>("flex.slot")) slots = std::max(slots, static_cast<int>(slot.getInt()) + 1);
    });
    return slots;
  }

  /// flexc_row_module as constant data: six numbers, ten functions.
  void table(flexc_score_class score_class, int slots, StringRef columns, StringRef score, StringRef affine, StringRef band, StringRef mask, StringRef key) {
    builder_.setInsertionPointToEnd(into_.getBody());
    const Type i32 = builder_.getI32Type();
    constexpr std::size_t kNumbers = 6, kFunctions = 10;
    static_assert(sizeof(flexc_row_module) == kNumbers * sizeof(std::uint32_t) + kFunctions * sizeof(void*));
    const StringRef functions[kFunctions] = {"", "", "", columns, score, affine, band, mask, "", key};
    SmallVector<Type> fields(kNumbers, i32);
    fields.append(kFunctions, pointer());
    const auto type = llvm_ir::LLVMStructType::getLiteral(builder_.getContext(), fields);
    auto global = builder_.create<llvm_ir::GlobalOp>(location_, type, /*isConstant=*/true, llvm_ir::Linkage::External, "flexc_row_module", Attribute());
    global.setDsoLocal(true);
    builder_.createBlock(&global.getInitializerRegion());
    Value value = builder_.create<llvm_ir::UndefOp>(location_, type);
    for (std::size_t i = 0; i < fields.size(); ++i) {
      Value field;
      if (i < kNumbers) {
        const std::int32_t numbers[kNumbers] = {static_cast<std::int32_t>(FLEXC_ROW_ABI_VERSION), static_cast<std::int32_t>(score_class), 0, 0, 0, slots};
        field = builder_.create<llvm_ir::ConstantOp>(location_, builder_.getI32IntegerAttr(numbers[i]));
      } else if (functions[i - kNumbers].empty()) {
        field = builder_.create<llvm_ir::ZeroOp>(location_, pointer());
      } else {
        field = builder_.create<llvm_ir::AddressOfOp>(location_, pointer(), functions[i - kNumbers]);
      }
      value = builder_.create<llvm_ir::InsertValueOp>(location_, value, field, static_cast<std::int64_t>(i));
    }
    builder_.create<llvm_ir::ReturnOp>(location_, value);
  }

  OpBuilder builder_;
  ModuleOp into_;
  flex::VariantOp variant_;
  mlir::Location location_;
  int width_;
};

}  // namespace

OwningOpRef<ModuleOp> emit_row_module(ModuleOp optimised, int width) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(optimised.getLoc());
  for (flex::VariantOp variant : optimised.getOps<flex::VariantOp>()) RowModule(*module, variant, width).emit();
  return module;
}

}  // namespace flexc::compiler
