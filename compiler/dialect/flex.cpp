// Registration, syntax and verifiers of the flex dialect.
#include "compiler/dialect/flex.h"

#include "llvm/ADT/TypeSwitch.h"
#include "mlir/IR/DialectImplementation.h"

using namespace mlir;

namespace flexc::flex {

Type element_of(Type type) {
  if (auto row = dyn_cast<RowType>(type)) return row.getElement();
  return type;
}

bool same_shape(Type a, Type b) {
  const auto row_a = dyn_cast<RowType>(a), row_b = dyn_cast<RowType>(b);
  return row_a && row_b ? row_a.getLength() == row_b.getLength() : !row_a && !row_b;
}

unsigned number_of(StringRef name) {
  unsigned number = 0;
  name.drop_front(1).getAsInteger(10, number);
  return number;
}

std::optional<std::int64_t> constant_integer(Value value) {
  auto constant = value.getDefiningOp<arith::ConstantOp>();
  if (!constant) return std::nullopt;
  const auto integer = dyn_cast<IntegerAttr>(constant.getValue());
  if (!integer) return std::nullopt;
  return integer.getType().isInteger(1) ? std::int64_t{integer.getValue().getBoolValue()} : integer.getInt();
}

std::optional<float> constant_float(Value value) {
  auto constant = value.getDefiningOp<arith::ConstantOp>();
  if (!constant) return std::nullopt;
  const auto real = dyn_cast<FloatAttr>(constant.getValue());
  return real && real.getType().isF32() ? std::optional(real.getValue().convertToFloat()) : std::nullopt;
}

namespace {

/// 64, KV or n0.
ParseResult parse_dim(AsmParser& parser, DimAttr& dim) {
  std::int64_t value = 0;
  const OptionalParseResult constant = parser.parseOptionalInteger(value);
  if (constant.has_value()) {
    if (failed(*constant)) return failure();
    if (value < 0) return parser.emitError(parser.getCurrentLocation(), "a dim is not negative");
    dim = DimAttr::get(parser.getContext(), dsl::Dim::Kind::Constant, value);
    return success();
  }
  StringRef name;
  const auto location = parser.getCurrentLocation();
  if (failed(parser.parseKeyword(&name))) return failure();
  for (std::size_t i = 0; i < dsl::kSymbolNames.size(); ++i) {
    if (name == StringRef(dsl::kSymbolNames[i])) {
      dim = DimAttr::get(parser.getContext(), dsl::Dim::Kind::Symbol, static_cast<std::int64_t>(i));
      return success();
    }
  }
  if (name.consume_front("n") && !name.getAsInteger(10, value)) {
    dim = DimAttr::get(parser.getContext(), dsl::Dim::Kind::Fresh, value);
    return success();
  }
  return parser.emitError(location, "expected a size: a number, one of B, H, HKV, Q, KV, or n0, n1, …");
}

void print_dim(AsmPrinter& printer, DimAttr dim) {
  switch (dim.getKind()) {
    case dsl::Dim::Kind::Constant: printer << dim.getValue(); break;
    case dsl::Dim::Kind::Symbol: printer << StringRef(dsl::kSymbolNames[static_cast<std::size_t>(dim.getValue())]); break;
    case dsl::Dim::Kind::Fresh: printer << "n" << dim.getValue(); break;
  }
}

ParseResult parseDim(AsmParser& parser, DimAttr& dim) { return parse_dim(parser, dim); }
void printDim(AsmPrinter& printer, Operation*, DimAttr dim) { print_dim(printer, dim); }

ParseResult parseDims(AsmParser& parser, ArrayAttr& dims) {
  SmallVector<Attribute> list;
  const auto one = [&] {
    DimAttr dim;
    if (failed(parse_dim(parser, dim))) return failure();
    list.push_back(dim);
    return success();
  };
  if (failed(parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, one))) return failure();
  dims = ArrayAttr::get(parser.getContext(), list);
  return success();
}

void printDims(AsmPrinter& printer, Operation*, ArrayAttr dims) {
  printer << "[";
  llvm::interleaveComma(dims.getAsRange<DimAttr>(), printer, [&](DimAttr dim) { print_dim(printer, dim); });
  printer << "]";
}

/// "%a, %b : i32": indices are i64 unless their type is written.
ParseResult parseIndices(OpAsmParser& parser, SmallVectorImpl<OpAsmParser::UnresolvedOperand>& indices, SmallVectorImpl<Type>& types) {
  return parser.parseCommaSeparatedList([&]() -> ParseResult {
    OpAsmParser::UnresolvedOperand index;
    const OptionalParseResult found = parser.parseOptionalOperand(index);
    if (!found.has_value()) {  // a scalar capture has none
      if (indices.empty()) return success();
      return parser.emitError(parser.getCurrentLocation(), "expected an index");
    }
    if (failed(*found)) return failure();
    indices.push_back(index);
    types.push_back(parser.getBuilder().getI64Type());
    return succeeded(parser.parseOptionalColon()) ? parser.parseType(types.back()) : success();
  });
}

void printIndices(OpAsmPrinter& printer, Operation*, OperandRange indices, TypeRange) {
  llvm::interleaveComma(indices, printer, [&](Value index) {
    printer.printOperand(index);
    if (!index.getType().isInteger(64)) printer << " : " << index.getType();
  });
}

/// Arguments and results of a kind of mod; all arguments but the score are i64. A band yields its one result two or four times.
struct Signature {
  SmallVector<StringRef, 5> arguments;
  SmallVector<Type, 3> results;
  Type argument_type(std::size_t i) const { return arguments[i] == "score" ? Type(Float32Type::get(results[0].getContext())) : Type(IntegerType::get(results[0].getContext(), 64)); }
};

template <class Mod>
Signature signature_of(MLIRContext* context) {
  const Type f32 = Float32Type::get(context);
  if constexpr (std::is_same_v<Mod, ScoreModOp>) return {{"score", "b", "h", "q_idx", "kv_idx"}, {f32}};
  else if constexpr (std::is_same_v<Mod, MaskModOp>) return {{"b", "h", "q_idx", "kv_idx"}, {IntegerType::get(context, 1)}};
  else if constexpr (std::is_same_v<Mod, BandOp>) return {{"b", "h", "q_idx"}, {IntegerType::get(context, 64)}};
  else return {{"b", "h", "q_idx", "kv_base", "kv_step"}, {f32, f32, f32}};
}

/// "(%score, %b, …) { … }" with types that follow from the mod.
template <class Mod>
ParseResult parse_mod(OpAsmParser& parser, OperationState& state) {
  const Signature signature = signature_of<Mod>(parser.getContext());
  SmallVector<OpAsmParser::Argument> arguments;
  const auto location = parser.getCurrentLocation();
  if (failed(parser.parseArgumentList(arguments, OpAsmParser::Delimiter::Paren))) return failure();
  if (arguments.size() != signature.arguments.size()) return parser.emitError(location, "expected ") << signature.arguments.size() << " arguments";
  for (std::size_t i = 0; i < arguments.size(); ++i) arguments[i].type = signature.argument_type(i);
  if (failed(parser.parseOptionalAttrDictWithKeyword(state.attributes))) return failure();
  return parser.parseRegion(*state.addRegion(), arguments);
}

void print_mod(OpAsmPrinter& printer, Operation* mod) {
  Region& body = mod->getRegion(0);
  printer << "(";
  llvm::interleaveComma(body.getArguments(), printer, [&](Value argument) { printer.printOperand(argument); });
  printer << ")";
  printer.printOptionalAttrDictWithKeyword(mod->getAttrs());
  printer << " ";
  printer.printRegion(body, /*printEntryBlockArgs=*/false);
}

template <class Mod>
LogicalResult verify_mod(Mod mod) {
  const Signature signature = signature_of<Mod>(mod.getContext());
  Block& block = mod.getBody().front();
  const std::size_t count = signature.arguments.size();
  if (block.getNumArguments() != count) return mod.emitOpError("has ") << block.getNumArguments() << " arguments, not " << count;
  for (std::size_t i = 0; i < count; ++i)
    if (block.getArgument(i).getType() != signature.argument_type(i)) return mod.emitOpError("argument ") << i << " is not of type " << signature.argument_type(i);
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  if constexpr (std::is_same_v<Mod, BandOp>) {
    const auto is_limit = [](Type type) { return type.isInteger(64); };
    if (!yield || (yield.getValues().size() != 2 && yield.getValues().size() != 4) || !llvm::all_of(yield.getValues().getTypes(), is_limit))
      return mod.emitOpError("must yield one or two intervals, as two or four 'i64'");
  } else if (!yield || TypeRange(yield.getValues()) != TypeRange(signature.results)) {
    return mod.emitOpError("must yield ") << signature.results;
  }
  return success();
}

template <class Mod>
void name_arguments(Mod mod, Region& region, OpAsmSetValueNameFn set_name) {
  const Signature signature = signature_of<Mod>(mod.getContext());
  for (auto [argument, name] : llvm::zip(region.getArguments(), signature.arguments)) set_name(argument, name);
}

/// The declaration that a symbol use means, or nothing after an error.
template <class Declaration>
Declaration declaration_of(Operation* user, FlatSymbolRefAttr name, SymbolTableCollection& tables) {
  auto declaration = tables.lookupNearestSymbolFrom<Declaration>(user, name);
  if (!declaration) user->emitOpError("uses ") << name << ", which is not declared";
  return declaration;
}

/// How elements of a capture or a param are read.
Type value_type(Type stored) {
  Builder builder(stored.getContext());
  if (isa<FloatType>(stored)) return builder.getF32Type();
  return stored.isInteger(1) ? builder.getI1Type() : builder.getI64Type();
}

bool is_capture_element(Type type) {
  return type.isF32() || type.isF16() || type.isBF16() || type.isSignlessInteger(32) || type.isSignlessInteger(64) || type.isUnsignedInteger(8) ||
         type.isSignlessInteger(1);
}

LogicalResult verify_gather(Operation* gather, FlatSymbolRefAttr capture, std::size_t missing, Type element, SymbolTableCollection& tables) {
  auto declaration = declaration_of<CaptureOp>(gather, capture, tables);
  if (!declaration) return failure();
  const std::size_t rank = declaration.getDims().size();
  if (gather->getNumOperands() + missing != rank)
    return gather->emitOpError("has ") << gather->getNumOperands() << " indices for " << rank << " dims" << (missing ? " of which one makes the row" : "");
  const Type stored = declaration.getElement(), wanted = value_type(stored);
  if (!missing && element.isInteger(32) && (stored.isInteger(32) || stored.isUnsignedInteger(8))) return success();
  // Bools have no rows: there they are read as integers.
  if (element != wanted && !(missing && wanted.isInteger(1) && element.isInteger(64))) return gather->emitOpError("reads ") << wanted << " from this capture, not " << element;
  return success();
}

}  // namespace

Attribute DimAttr::parse(AsmParser& parser, Type) {
  DimAttr dim;
  if (failed(parser.parseLess()) || failed(parse_dim(parser, dim)) || failed(parser.parseGreater())) return {};
  return dim;
}

void DimAttr::print(AsmPrinter& printer) const {
  printer << "<";
  print_dim(printer, *this);
  printer << ">";
}

Type RowType::parse(AsmParser& parser) {
  Type element;
  DimAttr length;
  const auto location = parser.getCurrentLocation();
  if (failed(parser.parseLess()) || failed(parser.parseType(element)) || failed(parser.parseKeyword("x")) || failed(parse_dim(parser, length)) ||
      failed(parser.parseGreater()))
    return {};
  return parser.getChecked<RowType>(location, parser.getContext(), element, length);
}

void RowType::print(AsmPrinter& printer) const {
  printer << "<" << getElement() << " x ";
  print_dim(printer, getLength());
  printer << ">";
}

LogicalResult RowType::verify(llvm::function_ref<InFlightDiagnostic()> error, Type element, DimAttr) {
  if (!element.isF32() && !element.isSignlessInteger(64)) return error() << "a row's elements are f32 or i64, not " << element;
  return success();
}

LogicalResult VariantOp::verifyRegions() {
  unsigned scores = 0, masks = 0, affine_rows = 0, bands = 0, captures = 0, params = 0, dims = 0;
  for (Operation& op : getBody().front()) {
    std::string wanted;
    if (isa<ScoreModOp>(op)) ++scores;
    else if (isa<AffineRowOp>(op)) ++affine_rows;
    else if (isa<MaskModOp>(op)) ++masks;
    else if (isa<BandOp>(op)) ++bands;
    else if (isa<CaptureOp>(op)) wanted = "c" + std::to_string(captures++);
    else if (isa<ParamOp>(op)) wanted = "p" + std::to_string(params++);
    else if (isa<FreshDimOp>(op)) wanted = "n" + std::to_string(dims++);
    else return op.emitOpError("does not belong into a variant");
    if (!wanted.empty() && mlir::SymbolTable::getSymbolName(&op) != wanted) return op.emitOpError("must be named @") << wanted << ": declarations are numbered";
  }
  if (scores > 1 || masks > 1 || affine_rows > 1 || bands > 1) return emitOpError("has a mod twice");
  return success();
}

LogicalResult CaptureOp::verify() {
  if (!is_capture_element(getElement())) return emitOpError("cannot hold elements of type ") << getElement();
  for (Attribute dim : getDims())
    if (!isa<DimAttr>(dim)) return emitOpError("has a dim that is none");
  return success();
}

LogicalResult ParamOp::verify() {
  const Type type = getType();
  if (type.isF32() || type.isSignlessInteger(32) || type.isSignlessInteger(64) || type.isSignlessInteger(1)) return success();
  return emitOpError("cannot be of type ") << type;
}

LogicalResult DimOp::verify() {
  if (getSize().getKind() == dsl::Dim::Kind::Constant) return emitOpError("of a constant is the constant");
  return success();
}

LogicalResult ReadOp::verifySymbolUses(SymbolTableCollection& tables) {
  auto declaration = declaration_of<ParamOp>(*this, getParamAttr(), tables);
  if (!declaration) return failure();
  if (value_type(declaration.getType()) != getType()) return emitOpError("of this param is a ") << value_type(declaration.getType()) << ", not " << getType();
  return success();
}

LogicalResult GatherOp::verifySymbolUses(SymbolTableCollection& tables) { return verify_gather(*this, getCaptureAttr(), 0, getType(), tables); }
LogicalResult GatherRowOp::verifySymbolUses(SymbolTableCollection& tables) {
  return verify_gather(*this, getCaptureAttr(), 1, element_of(getType()), tables);
}

ParseResult ScoreModOp::parse(OpAsmParser& parser, OperationState& state) { return parse_mod<ScoreModOp>(parser, state); }
void ScoreModOp::print(OpAsmPrinter& printer) { print_mod(printer, *this); }
LogicalResult ScoreModOp::verifyRegions() { return verify_mod(*this); }
void ScoreModOp::getAsmBlockArgumentNames(Region& region, OpAsmSetValueNameFn set_name) { name_arguments(*this, region, set_name); }

ParseResult MaskModOp::parse(OpAsmParser& parser, OperationState& state) { return parse_mod<MaskModOp>(parser, state); }
void MaskModOp::print(OpAsmPrinter& printer) { print_mod(printer, *this); }
LogicalResult MaskModOp::verifyRegions() { return verify_mod(*this); }
void MaskModOp::getAsmBlockArgumentNames(Region& region, OpAsmSetValueNameFn set_name) { name_arguments(*this, region, set_name); }

ParseResult AffineRowOp::parse(OpAsmParser& parser, OperationState& state) { return parse_mod<AffineRowOp>(parser, state); }
void AffineRowOp::print(OpAsmPrinter& printer) { print_mod(printer, *this); }
LogicalResult AffineRowOp::verifyRegions() { return verify_mod(*this); }
void AffineRowOp::getAsmBlockArgumentNames(Region& region, OpAsmSetValueNameFn set_name) { name_arguments(*this, region, set_name); }

ParseResult BandOp::parse(OpAsmParser& parser, OperationState& state) { return parse_mod<BandOp>(parser, state); }
void BandOp::print(OpAsmPrinter& printer) { print_mod(printer, *this); }
LogicalResult BandOp::verifyRegions() { return verify_mod(*this); }
void BandOp::getAsmBlockArgumentNames(Region& region, OpAsmSetValueNameFn set_name) { name_arguments(*this, region, set_name); }

ParseResult ReduceOp::parse(OpAsmParser& parser, OperationState& state) {
  StringRef kind;
  DimAttr length;
  OpAsmParser::Argument index;
  Type type;
  index.type = parser.getBuilder().getI64Type();
  if (failed(parser.parseKeyword(&kind)) || failed(parse_dim(parser, length)) || failed(parser.parseLParen()) || failed(parser.parseArgument(index)) ||
      failed(parser.parseRParen()) || failed(parser.parseRegion(*state.addRegion(), {index})) || failed(parser.parseOptionalAttrDictWithKeyword(state.attributes)) ||
      failed(parser.parseColonType(type)))
    return failure();
  state.addAttribute("kind", parser.getBuilder().getStringAttr(kind));
  state.addAttribute("length", length);
  state.addTypes(type);
  return success();
}

void ReduceOp::print(OpAsmPrinter& printer) {
  printer << " " << getKind() << " ";
  print_dim(printer, getLength());
  printer << " (";
  printer.printOperand(getBody().getArgument(0));
  printer << ") ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {"kind", "length"});
  printer << " : " << getType();
}

LogicalResult ReduceOp::verifyRegions() {
  if (getKind() != "sum" && getKind() != "min" && getKind() != "max") return emitOpError("combines by sum, min or max, not by ") << getKind();
  if (getBody().getNumArguments() != 1 || !getBody().getArgument(0).getType().isInteger(64)) return emitOpError("has one index of type i64");
  auto yield = dyn_cast<YieldOp>(getBody().front().getTerminator());
  if (!yield || yield.getValues().size() != 1 || yield.getValues()[0].getType() != getType()) return emitOpError("must yield one ") << getType();
  return success();
}

Operation* FlexDialect::materializeConstant(OpBuilder& builder, Attribute value, Type type, mlir::Location location) {
  return arith::ConstantOp::materialize(builder, value, type, location);
}

void FlexDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "compiler/dialect/flex_attributes.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "compiler/dialect/flex_types.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "compiler/dialect/flex_ops.cpp.inc"
      >();
}

}  // namespace flexc::flex

#include "compiler/dialect/flex_dialect.cpp.inc"
#include "compiler/dialect/flex_interfaces.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "compiler/dialect/flex_attributes.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "compiler/dialect/flex_types.cpp.inc"
#define GET_OP_CLASSES
#include "compiler/dialect/flex_ops.cpp.inc"
