// A random program as a small tree: what is printed, and what shrinking cuts.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/random_mods/table.h"

namespace random_mods {

/// Lengths of rows. Two rows meet only where their lengths are one class, or where the launch finds them equal.
enum class Length { None, Four, Fresh };

struct Type {
  Kind kind = Kind::I64;
  Length length = Length::None;
  bool operator==(const Type&) const = default;
  bool is_row() const { return kind == Kind::RowI64 || kind == Kind::RowF32; }
};

/// An expression: `$0`, `$1`, … in the text stand for its children.
struct Expression {
  Type type;
  std::string text;
  std::vector<Expression> children;
  int cell = -1;             ///< of the table, or none
  unsigned features = 0;     ///< what the histogram counts besides
  bool is_constant = false;  ///< perhaps a compile-time value
};

/// A statement. Each head is a line, in which `$i` is one of `expressions`, with an indented block below it if it has one.
struct Statement {
  std::vector<std::string> heads;
  std::vector<Expression> expressions;
  std::vector<std::vector<Statement>> blocks;
  unsigned features = 0;
};

/// Constructs of which the test wants a number of mods.
enum Feature : unsigned {
  kClosure = 1,
  kLambda = 2,
  kPartial = 4,
  kLoop = 8,
  kBranch = 16,
  kRow = 32,
  kGather = 64,
  kTuple = 128,
  kComposed = 256,
  kParam = 512,
  kSymbol = 1024,
  kShadow = 2048,
  kAugmented = 4096,
  kEarlyReturn = 8192,
  kFunctionArgument = 16384,
  kMethod = 32768,
  kFactory = 65536,
  kShape = 131072,
  kConst = 262144,
};
inline constexpr const char* kFeatureNames[] = {"closures",
                                                "lambdas",
                                                "partial",
                                                "loops",
                                                "branches",
                                                "rows",
                                                "gathers",
                                                "tuples",
                                                "and_masks/or_masks",
                                                "params",
                                                "symbols",
                                                "shadowing",
                                                "augmented assignments",
                                                "early returns",
                                                "functions as arguments",
                                                "methods",
                                                "factories",
                                                "shapes",
                                                "consts"};

/// Where an expression stands in the printed text.
struct Place {
  const Expression* expression = nullptr;
  std::size_t begin = 0, end = 0;
};

struct Program {
  std::vector<std::string> declarations;  ///< "tensor …", "param …"; printed if their name occurs
  std::vector<Statement> statements;      ///< top level

  /// The text, and if wanted where each expression stands in it, outer ones after what they contain.
  std::string print(std::vector<Place>* places = nullptr) const;
  unsigned features() const;
  /// Number of expressions and statements.
  std::size_t size() const;
};

/// The smallest program that shrinking finds for which `fails` still holds; at most `tries` calls.
Program shrink(Program program, const std::function<bool(const Program&)>& fails, int tries);

}  // namespace random_mods
