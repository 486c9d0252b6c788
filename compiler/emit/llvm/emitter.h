// Emission of the mods to the LLVM dialect, as the functions of templates/cpu/row_segment.h.
#pragma once

#include "compiler/dialect/flex.h"
#include "compiler/passes/levels.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace flexc::compiler {

namespace llvm_ir = mlir::LLVM;

/// Addresses of a captured tensor, loaded once a call. `data` can be read even where the tensor has no element.
struct CaptureAddress {
  mlir::Value data;
  llvm::SmallVector<mlir::Value> sizes, strides;
};

/// Writes the code of one mod into one function. Values that the columns of a segment share are scalars; the others are vectors
/// of `width` columns.
class ModEmitter {
 public:
  ModEmitter(mlir::OpBuilder& builder, flex::VariantOp variant, int width);

  /// Where the mod's arguments come from. `kv` and `score` are vectors and may be set later than the rest, once a loop.
  void bind(mlir::Value argument, mlir::Value value) { values_[argument] = value; }
  /// The columns' positions, and their low halves, which flex.to_i32 of them reads.
  void bind_columns(mlir::Value argument, mlir::Value positions, mlir::Value low) {
    values_[argument] = positions;
    columns_ = argument;
    low_columns_ = low;
  }
  void set_launch(mlir::Value launch) { launch_ = launch; }

  /// Loads what the gathers of a mod need of their captures, before any loop.
  void load_captures(mlir::Region& mod);
  /// Restricts emission to the ops behind the mod's result, or behind its slots; slots themselves are read from a table in the
  /// first case.
  void need_result(mlir::Region& mod);
  void need_slots(mlir::Region& mod);
  /// The same for the ops behind one value, which no column may enter.
  void need_value(mlir::Value value) { need(value.getDefiningOp(), false); }
  /// The table of a row function, and the column at which its vectors start now.
  struct Table {
    mlir::Value base, stride, count, column;
  };
  void set_table(Table table) { table_ = table; }
  void set_column(mlir::Value column) { table_->column = column; }
  /// Which lanes of the vector at `column` lie before `count`.
  mlir::Value live_lanes(mlir::Value column, mlir::Value count);
  /// Where slot `slot` of column `column` lies.
  mlir::Value slot_address(const Table& table, std::int64_t slot);
  /// A value as an i64, as slots hold it.
  mlir::Value to_slot(mlir::Value value);

  /// Emits the ops of the mod that do not depend on the column, or those that do.
  void emit_uniform(mlir::Region& mod);
  void emit_varying(mlir::Region& mod);
  /// The emitted value; broadcast where a vector is wanted and the value is shared.
  mlir::Value get(mlir::Value value, bool as_vector);
  mlir::Value broadcast(mlir::Value scalar);

  mlir::Type vector_of(mlir::Type scalar);
  mlir::Value load_field(mlir::Value pointer, std::size_t offset, mlir::Type type);
  mlir::Value constant_i64(std::int64_t value);

  /// A counted loop from 0 in steps: `body(index, carried…)` returns the next carried values; leaves the builder behind the loop.
  llvm::SmallVector<mlir::Value> loop(mlir::Value end, std::int64_t step, mlir::ValueRange initial,
                                      llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, mlir::ValueRange)> body);

 private:
  bool is_varying(mlir::Value value) { return (dependences_.of(value) & (kOnKv | kOnScore)) != 0; }
  void need(mlir::Operation* op, bool stop_at_slots);
  mlir::Value from_slot(std::int64_t slot, mlir::Type scalar);
  void emit(mlir::Operation& op);
  mlir::Value language(dsl::Op kind, mlir::Operation& op, mlir::ValueRange operands, mlir::Type type);
  mlir::Value float_operation(dsl::Op kind, mlir::ValueRange operands, mlir::Type type);
  mlir::Value integer_operation(dsl::Op kind, mlir::ValueRange operands, mlir::Type type);
  mlir::Value step(mlir::Operation& op, mlir::ValueRange operands, mlir::Type type);
  mlir::Value floor_division(mlir::Value a, mlir::Value b, bool remainder);
  mlir::Value float_to_int(mlir::Value x, mlir::Type type);
  mlir::Value gather(flex::GatherOp op, mlir::ValueRange indices, bool as_vector);
  mlir::Value load_element(mlir::Value pointer, mlir::Type stored, mlir::Type wanted, bool as_vector);
  mlir::Value reduce(flex::ReduceOp op);
  mlir::Value dim(flex::DimAttr size);
  mlir::Value param(flex::ReadOp op);

  /// A constant, as a vector if `like` is one.
  mlir::Value integer(std::int64_t value, mlir::Type like);
  mlir::Value real(float value, mlir::Type like);
  mlir::Value icmp(llvm_ir::ICmpPredicate predicate, mlir::Value a, mlir::Value b);
  mlir::Value fcmp(llvm_ir::FCmpPredicate predicate, mlir::Value a, mlir::Value b);
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b);
  template <class Op, class... Operands>
  mlir::Value make(mlir::Type type, Operands... operands) {
    return builder_.create<Op>(location_, type, operands...);
  }
  template <class Op>
  mlir::Value binary(mlir::Value a, mlir::Value b) {
    return builder_.create<Op>(location_, a.getType(), a, b);
  }

  mlir::OpBuilder& builder_;
  mlir::Location location_;
  flex::VariantOp variant_;
  int width_;
  mlir::Value launch_;
  llvm::DenseMap<mlir::Value, mlir::Value> values_;
  mlir::Value columns_, low_columns_;
  llvm::DenseMap<unsigned, CaptureAddress> captures_;
  llvm::DenseSet<mlir::Operation*> needed_;
  std::optional<Table> table_;
  Dependences dependences_;
};

/// The LLVM-dialect module of an optimised variant: the functions that its mods need, and `flexc_row_module`, which lists them.
mlir::OwningOpRef<mlir::ModuleOp> emit_row_module(mlir::ModuleOp optimised, int width);

}  // namespace flexc::compiler
