// The ops of the flex dialect. Those of the language carry their number in the normal form (LanguageOp.operation), so that
// import, folding and emission are tables and not lists of classes.
#ifndef FLEXC_FLEX_OPS_TD
#define FLEXC_FLEX_OPS_TD

include "compiler/dialect/flex_dialect.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"

def LanguageOp : OpInterface<"LanguageOp"> {
  let cppNamespace = "::flexc::flex";
  let description = "An operation of the language that works on scalars, and on rows element by element.";
  let methods = [InterfaceMethod<"Its number in the normal form.", "::flexc::dsl::Op", "operation">];
}

class RowOf<string predicate, string name>
    : Type<CPred<"::llvm::isa<::flexc::flex::RowType>($_self) && ::llvm::cast<::flexc::flex::RowType>($_self).getElement()." # predicate>, name>;
def Flex_IntRow : RowOf<"isInteger(64)", "row of i64">;
def Flex_FloatRow : RowOf<"isF32()", "row of f32">;
def Flex_Row : AnyTypeOf<[Flex_IntRow, Flex_FloatRow]>;
// The language's integers are i64. An i32 is one that narrow-integers proved small: its operations give the low 32 bits of what
// the same operation gives on the sign-extended operands, so they are as total as the others.
def Flex_Integer : AnyTypeOf<[I64, I32]>;
def Flex_WideInt : AnyTypeOf<[I64, Flex_IntRow]>;
def Flex_Int : AnyTypeOf<[I64, I32, Flex_IntRow]>;
def Flex_Float : AnyTypeOf<[F32, Flex_FloatRow]>;
def Flex_Number : AnyTypeOf<[I64, I32, F32, Flex_IntRow, Flex_FloatRow]>;
def Flex_Bits : AnyTypeOf<[I1, I64, I32, Flex_IntRow]>;
def Flex_Value : AnyTypeOf<[I1, I64, I32, F32, Flex_IntRow, Flex_FloatRow]>;
def Flex_Scalar : AnyTypeOf<[I1, I64, F32]>;
def Flex_Element : AnyTypeOf<[I1, I64, I32, F32]>;

class Flex_Op<string mnemonic, list<Trait> traits = []> : Op<Flex_Dialect, mnemonic, traits>;

//===-- Declarations -------------------------------------------------------------------------------------------------===//

def Flex_VariantOp : Flex_Op<"variant", [IsolatedFromAbove, SymbolTable, NoTerminator, SingleBlock, NoRegionArguments]> {
  let summary = "A variant: its declarations and its mods";
  let description = [{
    Example:
    ```mlir
    flex.variant {
      flex.capture @c0 : f32[H]
      flex.score_mod(%score, %b, %h, %q_idx, %kv_idx) {
        %0 = flex.gather @c0[%h] : f32
        %1 = flex.add %score, %0 : f32
        flex.yield %1 : f32
      }
    }
    ```
  }];
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def Flex_CaptureOp : Flex_Op<"capture", [HasParent<"VariantOp">, Symbol]> {
  let summary = "A captured tensor";
  let description = [{
    The n-th capture is named `@cN`. Its elements are f32, f16, bf16, i32, i64, ui8 or i1 (a bool); floats are read as f32, integers as
    i64, bools as i1.

    Example: `flex.capture @c0 : f16[B, H, n0, 64]`
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttr:$element, ArrayAttr:$dims);
  let assemblyFormat = "$sym_name `:` $element custom<Dims>($dims) attr-dict";
  let hasVerifier = 1;
}

def Flex_ParamOp : Flex_Op<"param", [HasParent<"VariantOp">, Symbol]> {
  let summary = "A run-time scalar";
  let description = "The n-th param is named `@pN`: f32, i32, i64 or i1.\n\nExample: `flex.param @p0 : i32`";
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttr:$type);
  let assemblyFormat = "$sym_name `:` $type attr-dict";
  let hasVerifier = 1;
}

def Flex_FreshDimOp : Flex_Op<"fresh_dim", [HasParent<"VariantOp">, Symbol]> {
  let summary = "A dim whose size the captures bring";
  let description = "The n-th is named `@nN`.\n\nExample: `flex.fresh_dim @n0`";
  let arguments = (ins SymbolNameAttr:$sym_name);
  let assemblyFormat = "$sym_name attr-dict";
}

class Flex_ModBase<string mnemonic, string text, string example>
    : Flex_Op<mnemonic, [HasParent<"VariantOp">, IsolatedFromAbove, SingleBlockImplicitTerminator<"YieldOp">,
                         DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = text;
  let description = "Straight-line code. The arguments' types are fixed, so they are not written.\n\nExample:\n```mlir\n" # example # "\n```";
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
}

def Flex_ScoreModOp : Flex_ModBase<"score_mod", "How a score is changed",
    "flex.score_mod(%score, %b, %h, %q_idx, %kv_idx) {\n  flex.yield %score : f32\n}">;
def Flex_MaskModOp : Flex_ModBase<"mask_mod", "Which pairs may attend",
    "flex.mask_mod(%b, %h, %q_idx, %kv_idx) {\n  %0 = flex.ge %q_idx, %kv_idx : i64\n  flex.yield %0 : i1\n}">;

def Flex_AffineRowOp : Flex_ModBase<"affine_row", "A row of affine scores: factor * score + row + slope * column",
    "flex.affine_row(%b, %h, %q_idx, %kv_base, %kv_step) {\n  flex.yield %factor, %row, %slope : f32, f32, f32\n}">;

def Flex_BandOp : Flex_Op<"band", [HasParent<"VariantOp">, IsolatedFromAbove, SingleBlockImplicitTerminator<"YieldOp">,
                                   DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "The positions that a row may attend to, as intervals";
  let description = [{
    Yields one or two intervals [lo, hi) of kv positions, as lo0, hi0 or lo0, hi0, lo1, hi1. Their union is meant: an interval
    with hi <= lo is empty, and the two may overlap, in any order. A pair is kept where its position lies in the union and the
    `flex.mask_mod`, if there is one beside it, holds: with a band, that is the residual. No position is INT64_MAX, so
    hi = INT64_MAX stands for "no end".

    Example: causal, after a prefix that all rows see
    ```mlir
    flex.band(%b, %h, %q_idx) {
      %0 = flex.add %q_idx, %one : i64
      %1 = flex.max %0, %prefix : i64
      flex.yield %least, %1 : i64, i64
    }
    ```
  }];
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
}

def Flex_YieldOp : Flex_Op<"yield", [Pure, Terminator, ReturnLike]> {
  let summary = "The result of a mod or of a reduction's body";
  let description = "Example: `flex.yield %0 : f32`";
  let arguments = (ins Variadic<Flex_Scalar>:$values);
  let builders = [OpBuilder<(ins), [{}]>];
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
}

//===-- Leaves and memory --------------------------------------------------------------------------------------------===//

def Flex_DimOp : Flex_Op<"dim", [Pure]> {
  let summary = "A size that is known at launch";
  let description = "Example: `%0 = flex.dim KV`";
  let arguments = (ins Flex_DimAttr:$size);
  let results = (outs I64:$result);
  let assemblyFormat = "custom<Dim>($size) attr-dict";
  let hasVerifier = 1;
}

def Flex_ReadOp : Flex_Op<"read", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "The value of a param";
  let description = "Integers are read as i64.\n\nExample: `%0 = flex.read @p0 : i64`";
  let arguments = (ins FlatSymbolRefAttr:$param);
  let results = (outs Flex_Scalar:$result);
  let assemblyFormat = "$param attr-dict `:` type($result)";
}

def Flex_GatherOp : Flex_Op<"gather", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "An element of a capture";
  let description = [{
    Total: an index i with -n <= i < 0 counts from the end; beyond, no memory is touched and the value is 0. Indices are i64 unless
    their type is written. With i32 indices only, the capture's offsets are computed in 32 bits: the launch must have checked that
    they fit (compiler/members.h). i32 and ui8 elements may be read as i32.

    Example: `%0 = flex.gather @c0[%b, %1 : i32] : f32`
  }];
  let arguments = (ins FlatSymbolRefAttr:$capture, Variadic<Flex_Integer>:$indices);
  let results = (outs Flex_Element:$result);
  let assemblyFormat = "$capture `[` custom<Indices>($indices, type($indices)) `]` attr-dict `:` type($result)";
}

def Flex_GatherRowOp : Flex_Op<"gather_row", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "A row of a capture: all its dims but the last are indexed";
  let description = "Each index is as total as `flex.gather`'s; out of range, the row is zeros.\n\nExample: `%0 = flex.gather_row @c0[%h] : !flex.row<f32 x 64>`";
  let arguments = (ins FlatSymbolRefAttr:$capture, Variadic<I64>:$indices);
  let results = (outs Flex_Row:$result);
  let assemblyFormat = "$capture `[` $indices `]` attr-dict `:` type($result)";
}

class ElementOf<string row, string element = "result">
    : TypesMatchWith<"the scalar is an element of the row", row, element, "::flexc::flex::element_of($_self)">;

def Flex_SplatOp : Flex_Op<"splat", [Pure, ElementOf<"result", "value">]> {
  let summary = "A row of equal elements";
  let description = "Example: `%0 = flex.splat %x : !flex.row<f32 x 64>`";
  let arguments = (ins Flex_Scalar:$value);
  let results = (outs Flex_Row:$result);
  let assemblyFormat = "$value attr-dict `:` type($result)";
}

def Flex_RowIndexOp : Flex_Op<"row_index", [Pure, ElementOf<"row">]> {
  let summary = "An element of a row";
  let description = "Total, as `flex.gather` is.\n\nExample: `%0 = flex.row_index %row[%i] : !flex.row<f32 x 64>`";
  let arguments = (ins Flex_Row:$row, I64:$index);
  let results = (outs Flex_Scalar:$result);
  let assemblyFormat = "$row `[` $index `]` attr-dict `:` type($row)";
}

//===-- Elementwise operations ---------------------------------------------------------------------------------------===//

class Flex_Elementwise<string mnemonic, string kind, list<Trait> traits>
    : Flex_Op<mnemonic, !listconcat([Pure, DeclareOpInterfaceMethods<LanguageOp>], traits)> {
  let hasFolder = 1;
  let extraClassDefinition = [{
    ::flexc::dsl::Op $cppClass::operation() { return ::flexc::dsl::Op::}] # kind # [{; }
    ::mlir::OpFoldResult $cppClass::fold(FoldAdaptor adaptor) { return fold_elementwise(::flexc::dsl::Op::}] # kind # [{, getOperation(), adaptor.getOperands()); }
  }];
}

class Flex_Binary<string mnemonic, string kind, TypeConstraint operand, string text, string example, list<Trait> traits = []>
    : Flex_Elementwise<mnemonic, kind, !listconcat(traits, [SameOperandsAndResultType])> {
  let summary = text;
  let description = text # ".\n\nExample: `" # example # "`";
  let arguments = (ins operand:$lhs, operand:$rhs);
  let results = (outs operand:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}

class Flex_Unary<string mnemonic, string kind, TypeConstraint operand, string text>
    : Flex_Elementwise<mnemonic, kind, [SameOperandsAndResultType]> {
  let summary = text;
  let description = text # ".\n\nExample: `%1 = flex." # mnemonic # " %0 : " # !if(!eq(operand, Flex_Float), "f32", "i64") # "`";
  let arguments = (ins operand:$operand);
  let results = (outs operand:$result);
  let assemblyFormat = "$operand attr-dict `:` type($result)";
}

class Flex_Compare<string mnemonic, string kind, string text>
    : Flex_Elementwise<mnemonic, kind, [SameTypeOperands]> {
  let summary = text;
  let description = text # ", of two integers or two f32; with a NaN only `ne` holds.\n\nExample: `%2 = flex." # mnemonic # " %0, %1 : i64`";
  let arguments = (ins AnyTypeOf<[I64, I32, F32]>:$lhs, AnyTypeOf<[I64, I32, F32]>:$rhs);
  let results = (outs I1:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs)";
}

class Flex_Conversion<string mnemonic, string kind, TypeConstraint from, TypeConstraint to, string text, string example>
    : Flex_Elementwise<mnemonic, kind, [PredOpTrait<"operand and result have one shape",
          CPred<"::flexc::flex::same_shape($operand.getType(), $result.getType())">>]> {
  let summary = text;
  let description = text # ".\n\nExample: `" # example # "`";
  let arguments = (ins from:$operand);
  let results = (outs to:$result);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `->` type($result)";
}

def Flex_AddOp : Flex_Binary<"add", "Add", Flex_Number, "Sum; integers wrap", "%2 = flex.add %0, %1 : i64", [Commutative]>;
def Flex_SubOp : Flex_Binary<"sub", "Sub", Flex_Number, "Difference; integers wrap", "%2 = flex.sub %0, %1 : i64">;
def Flex_MulOp : Flex_Binary<"mul", "Mul", Flex_Number, "Product; integers wrap", "%2 = flex.mul %0, %1 : f32", [Commutative]>;
def Flex_FloorDivOp : Flex_Binary<"floor_div", "FloorDiv", Flex_Number,
    "Floor of the quotient; x // 0 is 0 for integers, as IEEE divides for floats", "%2 = flex.floor_div %0, %1 : i64">;
def Flex_ModOp : Flex_Binary<"mod", "Mod", Flex_Number,
    "Python's remainder, with the divisor's sign; x % 0 is 0 for integers, NaN for floats", "%2 = flex.mod %0, %1 : i64">;
def Flex_MinOp : Flex_Binary<"min", "Min", Flex_Number, "The smaller; a NaN stays, of equal ones the second", "%2 = flex.min %0, %1 : f32">;
def Flex_MaxOp : Flex_Binary<"max", "Max", Flex_Number, "The larger; a NaN stays, of equal ones the second", "%2 = flex.max %0, %1 : f32">;
def Flex_DivOp : Flex_Binary<"div", "Div", Flex_Float, "Quotient, as IEEE divides", "%2 = flex.div %0, %1 : f32">;
def Flex_PowOp : Flex_Binary<"pow", "Pow", Flex_Float, "Power", "%2 = flex.pow %0, %1 : f32">;
def Flex_AndOp : Flex_Binary<"and", "And", Flex_Bits, "Conjunction, of bits or of bools", "%2 = flex.and %0, %1 : i1", [Commutative]>;
def Flex_OrOp : Flex_Binary<"or", "Or", Flex_Bits, "Disjunction, of bits or of bools", "%2 = flex.or %0, %1 : i1", [Commutative]>;
def Flex_XorOp : Flex_Binary<"xor", "Xor", Flex_Bits, "Exclusive or, of bits or of bools", "%2 = flex.xor %0, %1 : i1", [Commutative]>;
def Flex_ShlOp : Flex_Binary<"shl", "Shl", Flex_Int, "Left shift; the count is taken modulo 64", "%2 = flex.shl %0, %1 : i64">;
def Flex_ShrOp : Flex_Binary<"shr", "Shr", Flex_Int, "Arithmetic right shift; the count is taken modulo 64", "%2 = flex.shr %0, %1 : i64">;

def Flex_NegOp : Flex_Unary<"neg", "Neg", Flex_Number, "Negation; integers wrap">;
def Flex_AbsOp : Flex_Unary<"abs", "Abs", Flex_Number, "Magnitude; INT64_MIN stays">;
def Flex_SignOp : Flex_Unary<"sign", "Sign", Flex_Number, "(x > 0) - (x < 0), so 0 for a NaN">;
def Flex_NotOp : Flex_Unary<"not", "Not", Flex_Bits, "Complement, of bits or of a bool">;
def Flex_WrapI32Op : Flex_Unary<"wrap_i32", "WrapI32", Flex_WideInt, "Sign extension of the low 32 bits">;

def Flex_EqOp : Flex_Compare<"eq", "Eq", "Equal">;
def Flex_NeOp : Flex_Compare<"ne", "Ne", "Different">;
def Flex_LtOp : Flex_Compare<"lt", "Lt", "Less">;
def Flex_LeOp : Flex_Compare<"le", "Le", "Less or equal">;
def Flex_GtOp : Flex_Compare<"gt", "Gt", "Greater">;
def Flex_GeOp : Flex_Compare<"ge", "Ge", "Greater or equal">;

def Flex_SelectOp : Flex_Elementwise<"select", "Select", [AllTypesMatch<["on_true", "on_false", "result"]>]> {
  let summary = "One of two values";
  let description = "Both are evaluated: every operation is total.\n\nExample: `%3 = flex.select %0, %1, %2 : f32`";
  let arguments = (ins I1:$condition, Flex_Value:$on_true, Flex_Value:$on_false);
  let results = (outs Flex_Value:$result);
  let assemblyFormat = "$condition `,` $on_true `,` $on_false attr-dict `:` type($result)";
}

def Flex_BoolToIntOp : Flex_Conversion<"bool_to_int", "BoolToInt", I1, Flex_Integer, "0 or 1", "%1 = flex.bool_to_int %0 : i1 -> i64">;
def Flex_IntToFloatOp : Flex_Conversion<"int_to_float", "IntToFloat", Flex_Int, Flex_Float, "To the nearest f32, ties to even", "%1 = flex.int_to_float %0 : i64 -> f32">;
def Flex_FloatToIntOp : Flex_Conversion<"float_to_int", "FloatToInt", Flex_Float, Flex_WideInt, "Truncates and saturates; NaN gives 0", "%1 = flex.float_to_int %0 : f32 -> i64">;
def Flex_IsNanOp : Flex_Conversion<"is_nan", "IsNan", F32, I1, "Whether a NaN", "%1 = flex.is_nan %0 : f32 -> i1">;
def Flex_IsInfOp : Flex_Conversion<"is_inf", "IsInf", F32, I1, "Whether an infinity", "%1 = flex.is_inf %0 : f32 -> i1">;

def Flex_FloorOp : Flex_Unary<"floor", "Floor", Flex_Float, "The integral value below">;
def Flex_CeilOp : Flex_Unary<"ceil", "Ceil", Flex_Float, "The integral value above">;
def Flex_RoundOp : Flex_Unary<"round", "Round", Flex_Float, "The nearest integral value, half to even">;
def Flex_SqrtOp : Flex_Unary<"sqrt", "Sqrt", Flex_Float, "Square root, correctly rounded">;
def Flex_RsqrtOp : Flex_Unary<"rsqrt", "Rsqrt", Flex_Float, "1 / sqrt(x)">;
def Flex_ExpOp : Flex_Unary<"exp", "Exp", Flex_Float, "e^x">;
def Flex_Exp2Op : Flex_Unary<"exp2", "Exp2", Flex_Float, "2^x">;
def Flex_Expm1Op : Flex_Unary<"expm1", "Expm1", Flex_Float, "e^x - 1">;
def Flex_LogOp : Flex_Unary<"log", "Log", Flex_Float, "Natural logarithm">;
def Flex_Log2Op : Flex_Unary<"log2", "Log2", Flex_Float, "Binary logarithm">;
def Flex_Log1pOp : Flex_Unary<"log1p", "Log1p", Flex_Float, "log(1 + x)">;
def Flex_SinOp : Flex_Unary<"sin", "Sin", Flex_Float, "Sine">;
def Flex_CosOp : Flex_Unary<"cos", "Cos", Flex_Float, "Cosine">;
def Flex_TanOp : Flex_Unary<"tan", "Tan", Flex_Float, "Tangent">;
def Flex_TanhOp : Flex_Unary<"tanh", "Tanh", Flex_Float, "Hyperbolic tangent">;
def Flex_SigmoidOp : Flex_Unary<"sigmoid", "Sigmoid", Flex_Float, "1 / (1 + e^-x)">;
def Flex_ErfOp : Flex_Unary<"erf", "Erf", Flex_Float, "Error function">;

class Flex_Width<string mnemonic, TypeConstraint from, TypeConstraint to, string text, string example> : Flex_Op<mnemonic, [Pure]> {
  let summary = text;
  let description = text # ". No operation of the language: narrow-integers writes it.\n\nExample: `" # example # "`";
  let arguments = (ins from:$operand);
  let results = (outs to:$result);
  let assemblyFormat = "$operand attr-dict";
  let hasFolder = 1;
}
def Flex_ToI32Op : Flex_Width<"to_i32", I64, I32, "The low 32 bits, which are the value where it is known to fit", "%1 = flex.to_i32 %0">;
def Flex_ToI64Op : Flex_Width<"to_i64", I32, I64, "Sign extension", "%1 = flex.to_i64 %0">;

//===-- Reductions ---------------------------------------------------------------------------------------------------===//

class Flex_Reduction<string mnemonic, string text> : Flex_Op<mnemonic, [Pure, ElementOf<"row">]> {
  let summary = text;
  let description = text # ", from element 0 upwards.\n\nExample: `%1 = flex." # mnemonic # " %0 : !flex.row<f32 x 64>`";
  let arguments = (ins Flex_Row:$row);
  let results = (outs Flex_Scalar:$result);
  let assemblyFormat = "$row attr-dict `:` type($row)";
}
def Flex_SumOp : Flex_Reduction<"sum", "Sum of a row">;
def Flex_RowMinOp : Flex_Reduction<"row_min", "Least element of a row (+inf or INT64_MAX if empty)">;
def Flex_RowMaxOp : Flex_Reduction<"row_max", "Greatest element of a row (-inf or INT64_MIN if empty)">;

def Flex_DotOp : Flex_Op<"dot", [Pure, SameTypeOperands, ElementOf<"lhs">]> {
  let summary = "Sum of products of two rows";
  let description = "From element 0 upwards, each product rounded.\n\nExample: `%2 = flex.dot %0, %1 : !flex.row<f32 x 64>`";
  let arguments = (ins Flex_Row:$lhs, Flex_Row:$rhs);
  let results = (outs Flex_Scalar:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs)";
}

def Flex_ReduceOp : Flex_Op<"reduce", [RecursiveMemoryEffects, SingleBlockImplicitTerminator<"YieldOp">]> {
  let summary = "A reduction over the elements of a row that is computed on the fly";
  let description = [{
    The body yields element %i. The kind is `sum`, `min` or `max`; elements are combined one after the other, from 0 upwards.

    Example:
    ```mlir
    %0 = flex.reduce sum n0 (%i) {
      %1 = flex.gather @c0[%h, %i] : f32
      flex.yield %1 : f32
    } : f32
    ```
  }];
  let arguments = (ins StrAttr:$kind, Flex_DimAttr:$length);
  let results = (outs AnyTypeOf<[I64, F32]>:$result);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
}

#endif
