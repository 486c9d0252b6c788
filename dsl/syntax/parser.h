// The parser: recursive descent for statements and brackets, operator precedence with explicit stacks for the rest, so that the
// C++ stack grows only with brackets, lambdas and blocks, which kMaxNesting bounds. A parse function that fails has reported
// why and returns null; the statement level then skips the rest of the logical line.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "dsl/syntax/ast.h"
#include "dsl/syntax/token.h"

namespace flexc::dsl {

class Parser {
 public:
  Parser(Program& program, const std::vector<Token>& tokens, std::uint16_t source, Diagnostics& diagnostics)
      : program_(program), tokens_(tokens), source_(source), diagnostics_(diagnostics) {}

  void parse_program();
  /// One expression that is the whole source; null after an error.
  Expr* parse_bare_expression();

 private:
  enum class Level : std::uint8_t { Or, And, Not, Compare, BitOr, BitXor, BitAnd, Shift, Sum, Product, Unary, Power };
  struct Operator {
    TokenKind kind;
    Level level;
    bool prefix;
    Span span;
  };
  /// An operand with the extent that includes its parentheses.
  struct Operand {
    Expr* expr;
    std::uint32_t begin, end;
  };
  struct PendingConditional {
    Expr* value;
    Expr* condition;
    std::uint32_t begin;
  };

  // Tokens (parser.cpp).
  const Token& token() const { return tokens_[at_]; }
  const Token& peek(std::size_t ahead = 1) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  const Token& previous() const { return tokens_[at_ == 0 ? 0 : at_ - 1]; }
  bool at(TokenKind kind) const { return token().kind == kind; }
  bool at_line_end() const { return at(TokenKind::Newline) || at(TokenKind::EndOfFile) || at(TokenKind::Semicolon); }
  void advance() { if (at_ + 1 < tokens_.size()) ++at_; }
  bool accept(TokenKind kind);
  Span span_of(const Token& token) const { return {token.begin, token.end, source_}; }
  Span span_from(std::uint32_t begin) const { return {begin, previous().end, source_}; }
  std::string_view text_of(const Token& token) const { return program_.text_of(span_of(token)); }
  std::string found() const;
  /// Reports, unless the lexer has already reported something about the token.
  [[gnu::noinline]] void error_at(const Token& where, std::string_view code, std::string message, std::vector<Note> notes = {});
  [[gnu::noinline]] void error(std::string_view code, Span where, std::string message, std::vector<Note> notes = {});
  [[gnu::noinline]] void warn(std::string_view code, Span where, std::string message);
  [[gnu::noinline]] void unsupported(const Token& where, std::string_view what, std::string_view remedy = "");
  /// One more level of nesting at the current token; false, and an error, if that is one too many.
  bool enter() { return depth_ < max_depth() ? (++depth_, true) : (too_deep(), false); }
  static int max_depth();
  [[gnu::noinline]] void too_deep();

  // Expressions (parser_expressions.cpp, parser_primaries.cpp).
  Expr* parse_expression();
  Expr* parse_expression_list();
  Expr* parse_operators();
  bool parse_prefix_operators(std::size_t base);
  bool binary_level(Level& level);
  void reduce();
  void reduce_compare(const Operator& op, Operand& left, const Operand& right);
  void reduce_bool(ExprKind kind, Operand& left, const Operand& right);
  Expr* fold_conditionals(Expr* last, std::size_t base);
  Expr* parse_operand();
  Expr* parse_primary();
  Expr* parse_parenthesised();
  bool parse_arguments(Expr* call);
  bool parse_argument(Expr* call, bool& in_order);
  [[gnu::noinline]] bool check_argument(const Expr& call, bool named);
  bool parse_indices(Expr* subscript);
  Expr* parse_lambda();
  Expr* parse_string();
  Expr* parse_float();
  bool decode_string(const Token& literal, std::string& out);
  [[gnu::noinline]] Expr* refuse_primary();
  [[gnu::noinline]] void refuse_conditional(const Token& if_token);
  [[gnu::noinline]] bool refuse_operator();
  [[gnu::noinline]] void expected_in_bracket(const Token& open, std::string_view expected, std::string_view where);
  [[gnu::noinline]] void check_comparison(const Expr& compare);

  // Statements (parser_statements.cpp, parser_assignments.cpp, parser_compound.cpp).
  void parse_statements(std::vector<Stmt*>& out, bool top_level);
  void parse_line(std::vector<Stmt*>& out, bool top_level);
  void parse_simple_line(std::vector<Stmt*>& out, bool top_level);
  Stmt* parse_simple(bool top_level);
  Stmt* parse_expression_statement();
  Stmt* parse_assignment(Expr* first, std::uint32_t begin);
  Stmt* parse_annotated(Expr* target, std::uint32_t begin);
  Stmt* parse_assert();
  Stmt* parse_return();
  Stmt* parse_import();
  bool parse_dotted_name(std::string& name);
  Stmt* parse_if();
  Stmt* parse_for();
  Expr* parse_for_targets();
  void parse_block(std::vector<Stmt*>& body, const Token& header, bool broken);
  [[gnu::noinline]] void missing_colon(const Token& header);
  [[gnu::noinline]] void missing_block(const Token& header, const Token& line_end);
  [[gnu::noinline]] void skip_deep_block(std::vector<Stmt*>& body);
  bool expect_line_end();
  [[gnu::noinline]] void unexpected_at_line_end();
  bool check_target(Expr* target);
  [[gnu::noinline]] void refuse_target(const Expr& target);

  // Statements that are refused or skipped (parser_recovery.cpp).
  bool refuse_statement(std::vector<Stmt*>& out);
  bool refuse_keyword();
  bool refuse_soft_statement(std::vector<Stmt*>& out);
  Stmt* skip_compound(std::size_t first);
  void skip_line();
  void skip_block();
  Stmt* skip_main_block();
  Stmt* error_statement(std::size_t first);
  void collect_bindings(std::size_t first, std::size_t last, std::vector<std::string_view>& names) const;
  bool skip_annotation(std::initializer_list<TokenKind> ends);

  // Definitions and declarations (parser_definitions.cpp).
  Stmt* parse_def();
  bool parse_parameters(Function& function, TokenKind end, bool annotations);
  bool parse_parameter(Function& function, bool annotations, bool keyword_only);
  [[gnu::noinline]] bool refuse_parameter(bool& starred);
  [[gnu::noinline]] void missing_default(const Parameter& parameter, const Parameter& before);
  [[gnu::noinline]] bool parse_def_header(Function& function, Stmt& def);
  [[gnu::noinline]] void guess_parameters(Function& function, std::size_t first);
  bool at_declaration() const;
  Stmt* parse_declaration(bool top_level);
  bool parse_declared_type(Stmt& declaration, bool tensor);
  bool parse_dims(Stmt& declaration);
  bool parse_dim(Stmt& declaration);

  Program& program_;
  const std::vector<Token>& tokens_;
  std::uint16_t source_;
  Diagnostics& diagnostics_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool too_deep_reported_ = false;
  std::vector<Operator> operators_;
  std::vector<Operand> operands_;
  std::vector<PendingConditional> conditionals_;
};

/// Whether a name stands for `NAME NAME`-like slips of other languages; "" or what to write instead.
std::string_view foreign_keyword_remedy(std::string_view word);

}  // namespace flexc::dsl
