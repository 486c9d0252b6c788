// Emission of an optimised variant as the struct of templates/hooks.cuh.
#pragma once

#include <map>

#include "compiler/dialect/flex.h"
#include "compiler/emit/cuda/hooks_source.h"
#include "compiler/passes/levels.h"
#include "compiler/passes/strict_values.h"
#include "flexc/error.h"

namespace flexc::compiler::cuda {

inline constexpr float kLog2E = 1.44269504088896340736f;

/// Literals, from their bits.
std::string literal(float value);
std::string literal(std::int64_t value, unsigned bits);
/// "float", "bool", "i64", "i32".
std::string type_name(mlir::Type type);

/// The text of one flex, arith or math op over operands that are names or literals. Empty for an op that no stage leaves here. `is_strict` forbids contraction.
std::string operation_text(mlir::Operation& op, llvm::ArrayRef<std::string> operands, bool is_strict);
/// The combination of a reduction's total with one more element.
std::string combine_text(llvm::StringRef kind, mlir::Type type, const std::string& total, const std::string& element, bool is_strict);

/// Where a value is computed: each level is a function, and hands the values that later ones need over as fields.
enum class Level { Launch, Head, Row, Column, Pair };

/// What a value is multiplied by on its way into a field or a table, so that a pair's chain of factors is one product.
enum class Factor { None, Scale, Log2E };

class HooksEmitter {
 public:
  HooksEmitter(flex::VariantOp variant, const CudaHookOptions& options);
  Result<CudaHooks> run();

 private:
  struct Item {
    mlir::Value value;
    Factor factor = Factor::None;
    bool operator==(const Item&) const = default;
  };
  /// One function while it is written.
  struct Function {
    explicit Function(Level of, bool with_row = false) : level(of), has_row(with_row || of == Level::Pair) {}
    Level level;
    bool has_row;  // a Row is at hand, and its Head in it
    bool of_difference = false;  // what depends on q - kv, computed at q = difference, kv = 0, which gives the same (compiler/passes/shifts.h)
    std::string body;
    int indent = 4;
    llvm::DenseMap<mlir::Value, std::string> names;
    std::map<std::string, std::string> known;  // a type and an expression that were written already → the name
  };
  struct Field {
    Item item;
    std::string name;
  };

  // What stands where (emitter.cpp). A field is a type and a name.
  using FieldList = std::vector<std::pair<std::string, std::string>>;
  FieldList write_fields(Function& function, std::string_view target, std::vector<Item>* items = nullptr);  // `items`: one a field
  void write_functions();
  std::string head_function();
  std::string row_function();
  std::string column_function();
  std::string relative_function();
  std::string affine_function();
  std::string logit2_function();
  std::string keep_function();
  std::string band_function();
  std::string launch_function();
  std::string params_struct();
  std::string header();
  std::string assemble();

  // Values (values.cpp).
  Level level_of_value(mlir::Value value);
  bool reads_memory(mlir::Value value);
  Level level_of_item(const Item& item);
  bool is_strict(mlir::Value value) const { return strict_.contains(value); }
  /// The text of a value in a function: a literal, a field, or a name that has just been written.
  std::string value(Function& function, mlir::Value value);
  std::string item(Function& function, const Item& item);
  std::string argument(const Function& function, mlir::BlockArgument argument);
  std::string access(const Function& function, Level level, const std::string& field);
  std::string field(Function& function, const Item& item, Level level);
  std::string define(Function& function, mlir::Type type, const std::string& text);
  std::string computed(Function& function, mlir::Operation& op);
  std::string gather(Function& function, flex::GatherOp op);
  std::string reduction(Function& function, flex::ReduceOp op);
  void write_invariants(Function& function, flex::ReduceOp loop);
  std::string quotient(Function& function, mlir::Operation& op);
  std::string slot(Function& function, mlir::Operation& op);
  std::string relative_slot(mlir::Value value, Factor factor);
  std::string dim(flex::DimAttr size);
  std::string divisor(mlir::Value value);
  void line(Function& function, const std::string& text);

  struct Slot {
    mlir::Value value;
    unsigned word, words;
    Factor factor = Factor::None;
  };
  void find_slots();
  mlir::Value added_difference();
  void write_slots(Function& function, llvm::ArrayRef<Slot> slots, std::string_view place);

  flex::VariantOp variant_;
  CudaHookOptions options_;
  flex::ScoreModOp score_;
  flex::AffineRowOp affine_;
  flex::MaskModOp mask_;
  flex::BandOp band_;
  ScoreClass score_class_ = ScoreClass::Identity;
  Dependences dependences_{AffineColumns::Distinct};
  llvm::DenseSet<mlir::Value> strict_;
  llvm::DenseMap<mlir::Value, bool> reads_memory_;
  llvm::SmallVector<Slot> slots_, relative_slots_;  // of the table of columns, of the table of differences
  unsigned column_words_ = 0, relative_words_ = 0;

  // Found by the first of two rounds, in which nothing that is written counts.
  std::map<Level, std::vector<Field>> fields_;
  std::vector<mlir::Value> divisors_;
  std::vector<unsigned> captures_, params_, fresh_dims_;
  unsigned next_name_ = 0;
  FieldList launch_fields_;
  std::vector<Item> launch_items_;  // one a field
  bool discovered_ = false;
  std::map<std::string, std::string> texts_;
};

}  // namespace flexc::compiler::cuda
