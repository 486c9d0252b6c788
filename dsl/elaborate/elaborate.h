// From syntax tree to normal form: inlining, unrolling, compile-time evaluation and typing in one walk.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "dsl/syntax/ast.h"
#include "flexc/dsl/normal_form.h"

namespace flexc::dsl {

inline constexpr int kMaxOps = 4096;                  ///< run-time operations in a mod, before simplification
inline constexpr int kMaxUnrolledIterations = 65536;  ///< in a program
inline constexpr int kMaxInlineDepth = 200;           ///< calls active at once
inline constexpr int kMaxEvaluationDepth = 10000;     ///< nested expressions and blocks, over all active calls
inline constexpr int kMaxIntegerBits = 65536;         ///< of a compile-time integer
inline constexpr int kMaxCompileTimeSteps = 4000000;  ///< expressions evaluated in a program

/// dtype and rank of something bound to an undeclared capture.
struct CaptureType {
  DType dtype = DType::F32;
  int rank = 0;
};

struct ElaborateOptions {
  /// Replacements for `const` values (and top-level `NAME = constant`), given as the text of a constant expression.
  std::map<std::string, std::string, std::less<>> consts;
  /// Types of undeclared captures. Those missing are assumed f32 with a warning if `assume_captures`, else an error.
  std::map<std::string, CaptureType, std::less<>> captures;
  bool assume_captures = false;
};

/// Runs after resolve(), also when that reported errors (undefined names are quiet here). Nothing if the program has errors.
std::optional<NormalForm> elaborate(const Program& program, const ElaborateOptions& options, Diagnostics& diagnostics);

}  // namespace flexc::dsl
