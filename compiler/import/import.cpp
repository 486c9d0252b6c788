#include "compiler/import/import.h"

#include <bit>

#include "compiler/dialect/flex.h"

using namespace mlir;

namespace flexc::compiler {
namespace {

using dsl::Op;

Type stored_type(DType dtype, Builder& builder) {
  switch (dtype) {
    case DType::F32: return builder.getF32Type();
    case DType::F16: return builder.getF16Type();
    case DType::BF16: return builder.getBF16Type();
    case DType::I32: return builder.getI32Type();
    case DType::U8: return builder.getIntegerType(8, /*isSigned=*/false);
    case DType::Bool: return builder.getI1Type();
    default: return builder.getI64Type();
  }
}

mlir::Location location_at(const dsl::NormalForm& form, const dsl::Node& node, MLIRContext& context) {
  return FileLineColLoc::get(&context, form.source_names[node.span.source], static_cast<unsigned>(node.place.line), static_cast<unsigned>(node.place.column));
}

class BodyImporter {
 public:
  BodyImporter(const dsl::NormalForm& form, const dsl::Body& body, OpBuilder& builder, Block& block, bool is_score)
      : form_(form), body_(body), builder_(builder), block_(block), first_index_(is_score ? 1 : 0) {}

  void run() {
    builder_.setInsertionPointToStart(&block_);
    for (const dsl::Node& node : body_.nodes) values_.push_back(import(node));
    builder_.create<flex::YieldOp>(location_of(body_.nodes[body_.result]), ValueRange(values_[body_.result]));
  }

 private:
  /// Where the node was written; what nobody wrote is where the mod is.
  mlir::Location location_of(const dsl::Node& node) const {
    if (node.place.line < 1 || node.span.source >= form_.source_names.size()) return block_.getParentOp()->getLoc();
    return location_at(form_, node, *builder_.getContext());
  }

  Type type_of(const dsl::Type& type) {
    Type scalar = builder_.getI64Type();
    if (type.scalar == dsl::Scalar::Bool) scalar = builder_.getI1Type();
    if (type.scalar == dsl::Scalar::F32) scalar = builder_.getF32Type();
    if (!type.is_row) return scalar;
    return flex::RowType::get(builder_.getContext(), scalar, dim_of(type.length));
  }

  flex::DimAttr dim_of(const dsl::Dim& dim) { return flex::DimAttr::get(builder_.getContext(), dim.kind, dim.value); }

  Value create(StringRef name, const dsl::Node& node, ValueRange operands, ArrayRef<NamedAttribute> attributes = {}) {
    OperationState state(location_of(node), ("flex." + name).str(), operands, type_of(node.type), attributes);
    return builder_.create(state)->getResult(0);
  }

  NamedAttribute symbol(StringRef attribute, char prefix, std::int64_t number) {
    return builder_.getNamedAttr(attribute, FlatSymbolRefAttr::get(builder_.getContext(), prefix + std::to_string(number)));
  }

  Value constant(const dsl::Node& node, TypedAttr value) { return builder_.create<arith::ConstantOp>(location_of(node), value); }

  Value import(const dsl::Node& node) {
    SmallVector<Value> operands;
    for (dsl::NodeId operand : node.operands) operands.push_back(values_[operand]);
    switch (node.op) {
      case Op::ConstBool: return constant(node, builder_.getBoolAttr(node.imm != 0));
      case Op::ConstI64: return constant(node, builder_.getI64IntegerAttr(node.imm));
      case Op::ConstF32: {
        const llvm::APFloat value(llvm::APFloat::IEEEsingle(), llvm::APInt(32, static_cast<std::uint32_t>(node.imm)));
        return constant(node, builder_.getFloatAttr(builder_.getF32Type(), value));
      }
      case Op::Score: return block_.getArgument(0);
      case Op::BatchIndex: return block_.getArgument(first_index_);
      case Op::HeadIndex: return block_.getArgument(first_index_ + 1);
      case Op::QIndex: return block_.getArgument(first_index_ + 2);
      case Op::KvIndex: return block_.getArgument(first_index_ + 3);
      case Op::SymbolValue: return create("dim", node, {}, builder_.getNamedAttr("size", dim_of({dsl::Dim::Kind::Symbol, node.imm})));
      case Op::FreshDim: return create("dim", node, {}, builder_.getNamedAttr("size", dim_of({dsl::Dim::Kind::Fresh, node.imm})));
      case Op::Param: return create("read", node, {}, symbol("param", 'p', node.imm));
      case Op::Gather: return create("gather", node, operands, symbol("capture", 'c', node.imm));
      case Op::GatherRow: return create("gather_row", node, operands, symbol("capture", 'c', node.imm));
      default: break;
    }
    spread(node, operands);
    return create(StringRef(dsl::name_of(node.op)), node, operands);
  }

  /// Scalars among the operands of an operation on rows become rows.
  void spread(const dsl::Node& node, SmallVectorImpl<Value>& operands) {
    if (!node.type.is_row) return;
    for (Value& operand : MutableArrayRef<Value>(operands).drop_front(node.op == Op::Select ? 1 : 0)) {
      if (isa<flex::RowType>(operand.getType())) continue;
      const auto row = flex::RowType::get(builder_.getContext(), operand.getType(), dim_of(node.type.length));
      operand = builder_.create<flex::SplatOp>(location_of(node), row, operand);
    }
  }

  const dsl::NormalForm& form_;
  const dsl::Body& body_;
  OpBuilder& builder_;
  Block& block_;
  unsigned first_index_;
  SmallVector<Value> values_;
};

template <class Mod>
void import_mod(const dsl::NormalForm& form, const dsl::Body& body, mlir::Location file, OpBuilder& builder, bool is_score) {
  const OpBuilder::InsertionGuard guard(builder);
  const dsl::Node& result = body.nodes[body.result];
  const bool is_placed = result.place.line >= 1 && result.span.source < form.source_names.size();
  const mlir::Location location = is_placed ? location_at(form, result, *builder.getContext()) : file;
  auto mod = builder.create<Mod>(location);
  Block& block = mod.getBody().emplaceBlock();
  if (is_score) block.addArgument(builder.getF32Type(), location);
  for (int i = 0; i < 4; ++i) block.addArgument(builder.getI64Type(), location);
  BodyImporter(form, body, builder, block, is_score).run();
}

}  // namespace

OwningOpRef<ModuleOp> import_normal_form(const dsl::NormalForm& form, MLIRContext& context, bool narrow) {
  OpBuilder builder(&context);
  // Declarations have no spans: they are where the text begins.
  const mlir::Location location =
      form.source_names.empty() ? mlir::Location(builder.getUnknownLoc()) : mlir::Location(FileLineColLoc::get(&context, form.source_names.front(), 1, 1));
  OwningOpRef<ModuleOp> module = ModuleOp::create(location);
  builder.setInsertionPointToEnd(module->getBody());
  auto variant = builder.create<flex::VariantOp>(location);
  if (narrow) variant->setAttr(flex::kNarrowAttribute, builder.getUnitAttr());
  builder.setInsertionPointToEnd(&variant.getBody().emplaceBlock());
  for (std::size_t i = 0; i < form.captures.size(); ++i) {
    SmallVector<Attribute> dims;
    for (const dsl::Dim& dim : form.captures[i].dims) dims.push_back(flex::DimAttr::get(&context, dim.kind, dim.value));
    builder.create<flex::CaptureOp>(location, "c" + std::to_string(i), stored_type(form.captures[i].dtype, builder), builder.getArrayAttr(dims));
  }
  for (std::size_t i = 0; i < form.params.size(); ++i)
    builder.create<flex::ParamOp>(location, "p" + std::to_string(i), stored_type(form.params[i].type, builder));
  for (std::size_t i = 0; i < form.fresh_dims.size(); ++i) builder.create<flex::FreshDimOp>(location, "n" + std::to_string(i));
  if (form.score) import_mod<flex::ScoreModOp>(form, *form.score, location, builder, true);
  if (form.mask) import_mod<flex::MaskModOp>(form, *form.mask, location, builder, false);
  return module;
}

}  // namespace flexc::compiler
