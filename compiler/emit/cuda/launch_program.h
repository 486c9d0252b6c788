// Values of the launch level as a register program (runtime/cuda/launch_program.h), beside the host text that `fill_launch` has.
#pragma once

#include <string>

#include "compiler/dialect/flex.h"
#include "compiler/emit/cuda/emitter.h"
#include "runtime/cuda/launch_program.h"

namespace flexc::compiler::cuda {

/// Writes values that depend on no coordinate and read no capture, after expand-math: each operation once, in the order of its first use.
class LaunchEmitter {
 public:
  explicit LaunchEmitter(flex::VariantOp variant);

  /// An i32 fills the low half of its word, as Word<i32> does.
  void add_value(mlir::Value value, Factor factor);
  void add_divisor(mlir::Value value);
  /// The program, or what kept it from being written.
  Result<runtime::LaunchProgram> finish();

 private:
  tile::Register add(tile::Opcode op, std::int64_t imm, llvm::ArrayRef<tile::Register> operands);
  tile::Register integer(std::int64_t value) { return add(tile::Opcode::ConstI, value, {}); }
  tile::Register real(float value);
  tile::Register value(mlir::Value value);
  tile::Register computed(mlir::Operation& op);
  tile::Register language(dsl::Op kind, mlir::Operation& op, llvm::ArrayRef<tile::Register> operands);
  tile::Register step(mlir::Operation& op, llvm::ArrayRef<tile::Register> operands);
  tile::Register fail(mlir::Operation& op);

  runtime::LaunchProgram launch_;
  llvm::DenseMap<mlir::Value, tile::Register> known_;
  std::string problem_;
};

}  // namespace flexc::compiler::cuda
