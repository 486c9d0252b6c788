// The flex dialect: attention mods as straight-line code over i1, i64, f32 and rows of them.
#ifndef FLEXC_FLEX_DIALECT_TD
#define FLEXC_FLEX_DIALECT_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"

def Flex_Dialect : Dialect {
  let name = "flex";
  let cppNamespace = "::flexc::flex";
  let summary = "Attention mods between the normal form and machine code";
  let description = [{
    A `flex.variant` holds what a variant declares (captures, params, fresh dims) and its two mods. Inside a mod every
    operation of the language has one op of the same name, with the language's meaning: integers are 64-bit and wrap, and
    every operation is total. Operations that are poison somewhere in `arith` (division, shifts, conversions from float,
    gathers) stay here until emission; `arith` and `math` appear only as constants and where expand-math put them.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
  let usePropertiesForAttributes = 0;
}

def Flex_DimAttr : AttrDef<Flex_Dialect, "Dim"> {
  let mnemonic = "dim";
  let summary = "A size: a constant, one of the problem's symbols, or a fresh dim";
  let description = [{
    Written `64`, `KV` (one of B, H, HKV, Q, KV) or `n0`, the variant's first fresh dim.

    Example: `#flex.dim<KV>`
  }];
  let parameters = (ins "::flexc::dsl::Dim::Kind":$kind, "int64_t":$value);
  let hasCustomAssemblyFormat = 1;
}

def Flex_RowType : TypeDef<Flex_Dialect, "Row"> {
  let mnemonic = "row";
  let summary = "A vector along a capture's last dimension";
  let description = [{
    Rows have no storage: they are read by indexing and reductions only, and the pass expand-rows leaves none.

    Example: `!flex.row<f32 x n0>`
  }];
  let parameters = (ins "::mlir::Type":$element, "::flexc::flex::DimAttr":$length);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

#endif
