#include "dsl/syntax/bindings.h"

namespace flexc::dsl {
namespace {

void collect_target(const Expr& target, std::vector<std::string_view>& names) {
  if (target.kind == ExprKind::Name) names.push_back(target.text);
  if (target.kind != ExprKind::Tuple) return;
  for (const Expr* item : target.items) collect_target(*item, names);
}

}  // namespace

void collect_bindings(const Stmt& stmt, Bindings& bindings) {
  switch (stmt.kind) {
    case StmtKind::Assign: case StmtKind::For:
      for (const Expr* target : stmt.targets) collect_target(*target, bindings.names);
      break;
    case StmtKind::AugAssign: bindings.augmented.push_back(&stmt); break;
    case StmtKind::Def: bindings.names.push_back(stmt.name); break;
    case StmtKind::Return: bindings.returns = true; break;
    case StmtKind::Error:
      bindings.uncertain.insert(bindings.uncertain.end(), stmt.error_bindings.begin(), stmt.error_bindings.end());
      break;
    default: break;
  }
  for (const IfBranch& branch : stmt.branches)
    for (const Stmt* inner : branch.body) collect_bindings(*inner, bindings);
  for (const Stmt* inner : stmt.orelse) collect_bindings(*inner, bindings);
  for (const Stmt* inner : stmt.body) collect_bindings(*inner, bindings);
}

}  // namespace flexc::dsl
