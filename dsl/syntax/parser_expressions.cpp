// Operators: an explicit stack of them and of operands, so that no chain of operators costs C++ stack.
#include <algorithm>

#include <fmt/format.h>

#include "dsl/codes.h"
#include "dsl/syntax/parser.h"

namespace flexc::dsl {
namespace {

UnaryOp unary_of(TokenKind kind) {
  switch (kind) {
    case TokenKind::Plus: return UnaryOp::Plus;
    case TokenKind::Minus: return UnaryOp::Minus;
    case TokenKind::Tilde: return UnaryOp::Invert;
    default: return UnaryOp::Not;
  }
}

BinaryOp binary_of(TokenKind kind) {
  switch (kind) {
    case TokenKind::Plus: return BinaryOp::Add;
    case TokenKind::Minus: return BinaryOp::Sub;
    case TokenKind::Star: return BinaryOp::Mul;
    case TokenKind::Slash: return BinaryOp::Div;
    case TokenKind::DoubleSlash: return BinaryOp::FloorDiv;
    case TokenKind::Percent: return BinaryOp::Mod;
    case TokenKind::DoubleStar: return BinaryOp::Pow;
    case TokenKind::Ampersand: return BinaryOp::BitAnd;
    case TokenKind::Pipe: return BinaryOp::BitOr;
    case TokenKind::Caret: return BinaryOp::BitXor;
    case TokenKind::ShiftLeft: return BinaryOp::Shl;
    default: return BinaryOp::Shr;
  }
}

CompareOp compare_of(TokenKind kind) {
  switch (kind) {
    case TokenKind::EqualEqual: return CompareOp::Eq;
    case TokenKind::NotEqual: return CompareOp::Ne;
    case TokenKind::Less: return CompareOp::Lt;
    case TokenKind::LessEqual: return CompareOp::Le;
    case TokenKind::Greater: return CompareOp::Gt;
    default: return CompareOp::Ge;
  }
}

}  // namespace

/// If the current token is a binary operator of the language, its level.
bool Parser::binary_level(Level& level) {
  using enum TokenKind;
  switch (token().kind) {
    case Or: level = Level::Or; return true;
    case And: level = Level::And; return true;
    case EqualEqual: case NotEqual: case Less: case LessEqual: case Greater: case GreaterEqual: level = Level::Compare; return true;
    case Pipe: level = Level::BitOr; return true;
    case Caret: level = Level::BitXor; return true;
    case Ampersand: level = Level::BitAnd; return true;
    case ShiftLeft: case ShiftRight: level = Level::Shift; return true;
    case Plus: case Minus: level = Level::Sum; return true;
    case Star: case Slash: case DoubleSlash: case Percent: level = Level::Product; return true;
    case DoubleStar: level = Level::Power; return true;
    default: return false;
  }
}

/// Python's operators that the language leaves out, where a binary operator may stand: reports and returns true.
bool Parser::refuse_operator() {
  using enum TokenKind;
  switch (token().kind) {
    case Is: unsupported(token(), "'is' is", "compare with '=='"); return true;
    case In: unsupported(token(), "'in' is", "compare with '==' and combine with 'or'"); return true;
    case Not:
      if (peek().kind != In) return false;
      unsupported(token(), "'not in' is", "compare with '!=' and combine with 'and'");
      return true;
    case At: unsupported(token(), "'@', the matrix product, is", "dot(a, b) multiplies two rows"); return true;
    case Walrus: unsupported(token(), "':=' is", "assign on a line of its own"); return true;
    default: return false;
  }
}

bool Parser::parse_prefix_operators(std::size_t base) {
  using enum TokenKind;
  while (at(Plus) || at(Minus) || at(Tilde) || at(Not)) {
    const bool is_not = at(Not);
    if (is_not && operators_.size() > base && operators_.back().level > Level::Not) {
      error_at(token(), codes::syntax_error, fmt::format("'not' cannot stand after '{}' without parentheses: write '(not …)'",
                                                        program_.text_of(operators_.back().span)));
      return false;
    }
    if (!enter()) return false;
    operators_.push_back({token().kind, is_not ? Level::Not : Level::Unary, true, span_of(token())});
    advance();
  }
  return true;
}

Expr* Parser::parse_operators() {
  const std::size_t base = operators_.size();
  const int depth = depth_;
  for (;;) {
    if (!parse_prefix_operators(base)) return nullptr;
    const std::uint32_t begin = token().begin;
    Expr* operand = parse_operand();
    if (operand == nullptr) return nullptr;
    operands_.push_back({operand, begin, previous().end});
    Level level;
    if (!binary_level(level)) {
      if (refuse_operator()) return nullptr;
      break;
    }
    while (operators_.size() > base && operators_.back().level >= level && level != Level::Power) reduce();
    if (level == Level::Power && !enter()) return nullptr;
    operators_.push_back({token().kind, level, false, span_of(token())});
    advance();
  }
  while (operators_.size() > base) reduce();
  depth_ = depth;
  Expr* result = operands_.back().expr;
  operands_.pop_back();
  return result;
}

/// Applies the operator on top of the stack to the operands on top of theirs.
void Parser::reduce() {
  const Operator op = operators_.back();
  operators_.pop_back();
  if (op.prefix || op.level == Level::Power) --depth_;
  if (op.prefix) {
    Operand& operand = operands_.back();
    Expr* unary = program_.new_expr(ExprKind::Unary, {op.span.begin, operand.end, source_});
    unary->anchor = op.span;
    unary->unary_op = unary_of(op.kind);
    unary->a = operand.expr;
    operand = {unary, op.span.begin, operand.end};
    return;
  }
  const Operand right = operands_.back();
  operands_.pop_back();
  Operand& left = operands_.back();
  switch (op.level) {
    case Level::Or: return reduce_bool(ExprKind::BoolOr, left, right);
    case Level::And: return reduce_bool(ExprKind::BoolAnd, left, right);
    case Level::Compare: return reduce_compare(op, left, right);
    default: break;
  }
  Expr* binary = program_.new_expr(ExprKind::Binary, {left.begin, right.end, source_});
  binary->anchor = op.span;
  binary->binary_op = binary_of(op.kind);
  binary->a = left.expr;
  binary->b = right.expr;
  left = {binary, left.begin, right.end};
}

void Parser::reduce_bool(ExprKind kind, Operand& left, const Operand& right) {
  if (left.expr->kind != kind || left.expr->parenthesised) {
    Expr* chain = program_.new_expr(kind, {left.begin, right.end, source_});
    chain->items.push_back(left.expr);
    left.expr = chain;
  }
  left.expr->items.push_back(right.expr);
  left.end = left.expr->span.end = left.expr->anchor.end = right.end;
}

void Parser::reduce_compare(const Operator& op, Operand& left, const Operand& right) {
  if (left.expr->kind != ExprKind::Compare || left.expr->parenthesised) {
    Expr* chain = program_.new_expr(ExprKind::Compare, {left.begin, right.end, source_});
    chain->items.push_back(left.expr);
    left.expr = chain;
  }
  Expr* chain = left.expr;
  chain->compare_ops.push_back(compare_of(op.kind));
  chain->op_spans.push_back(op.span);
  chain->items.push_back(right.expr);
  left.end = chain->span.end = chain->anchor.end = right.end;
  // Only once the chain is complete.
  Level next;
  if (chain->items.size() >= 3 && (!binary_level(next) || next != Level::Compare)) check_comparison(*chain);
}

/// `a >= b & c <= d` means `a >= (b & c) <= d`, and hardly ever is that meant.
void Parser::check_comparison(const Expr& compare) {
  constexpr std::size_t kLongestFix = 160;
  const Expr* slip = nullptr;
  std::string fix = "(";
  std::uint32_t from = compare.span.begin;
  for (std::size_t i = 1; i + 1 < compare.items.size(); ++i) {
    // The operators of the operand, from the first: its left spine holds them last to first.
    std::vector<const Expr*> spine;
    for (const Expr* e = compare.items[i]; e->kind == ExprKind::Binary && !e->parenthesised && (e->binary_op == BinaryOp::BitAnd || e->binary_op == BinaryOp::BitOr);
         e = e->a)
      spine.push_back(e);
    for (std::size_t k = spine.size(); k-- > 0;) {
      if (slip == nullptr) slip = spine[k];
      std::string_view part = program_.text_of({from, spine[k]->anchor.begin, source_});
      part = part.substr(0, part.find_last_not_of(" \t\r\n\\") + 1);
      fix += fmt::format("{}) {} (", part, program_.text_of(spine[k]->anchor));
      from = spine[k]->anchor.end;
      while (from < compare.span.end && program_.sources[source_].text[from] == ' ') ++from;
    }
  }
  if (slip == nullptr) return;
  fix += fmt::format("{})", program_.text_of({from, compare.span.end, source_}));
  const bool show = fix.size() <= kLongestFix && fix.find('\n') == std::string::npos && fix.find('#') == std::string::npos;
  const std::string_view op = spelling(slip->binary_op);
  warn(codes::comparison_beside_ampersand, slip->anchor,
       fmt::format("'{}' binds tighter than the comparisons beside it; put the comparisons in parentheses{}{}", op, show ? ": " : "", show ? fix : ""));
}

Expr* Parser::parse_expression() {
  const std::size_t base = conditionals_.size();
  const int depth = depth_;
  for (;;) {
    const std::uint32_t begin = token().begin;
    Expr* value = at(TokenKind::Lambda) ? parse_lambda() : parse_operators();
    if (value == nullptr) return nullptr;
    if (!at(TokenKind::If)) {
      depth_ = depth;
      return conditionals_.size() == base ? value : fold_conditionals(value, base);
    }
    if (!enter()) return nullptr;
    const Token& if_token = token();
    advance();
    Expr* condition = parse_operators();
    if (condition == nullptr) return nullptr;
    if (!accept(TokenKind::Else)) {
      refuse_conditional(if_token);
      return nullptr;
    }
    conditionals_.push_back({value, condition, begin});
  }
}

void Parser::refuse_conditional(const Token& if_token) {
  error_at(token(), codes::missing_else, fmt::format("expected 'else' to complete 'value if condition else other', found {}", found()),
           {{span_of(if_token), "the 'if' is here"}});
}

Expr* Parser::fold_conditionals(Expr* last, std::size_t base) {
  const std::uint32_t end = previous().end;
  while (conditionals_.size() > base) {
    const PendingConditional pending = conditionals_.back();
    conditionals_.pop_back();
    Expr* conditional = program_.new_expr(ExprKind::Conditional, {pending.begin, end, source_});
    conditional->a = pending.value;
    conditional->b = pending.condition;
    conditional->c = last;
    last = conditional;
  }
  return last;
}

/// An expression, or several with commas between them, which make a tuple.
Expr* Parser::parse_expression_list() {
  const std::uint32_t begin = token().begin;
  Expr* first = parse_expression();
  if (first == nullptr || !at(TokenKind::Comma)) return first;
  Expr* tuple = program_.new_expr(ExprKind::Tuple, span_of(token()));
  tuple->items.push_back(first);
  while (accept(TokenKind::Comma)) {
    if (at_line_end() || at(TokenKind::RightParen) || at(TokenKind::Assign) || at(TokenKind::Colon) || at(TokenKind::In)) break;
    Expr* item = parse_expression();
    if (item == nullptr) return nullptr;
    tuple->items.push_back(item);
  }
  tuple->span = tuple->anchor = span_from(begin);
  return tuple;
}

}  // namespace flexc::dsl
