#include "dsl/syntax/parser.h"

#include <span>

#include <fmt/format.h>

#include "dsl/codes.h"
#include "dsl/syntax/lexer.h"
#include "dsl/syntax/parse.h"

namespace flexc::dsl {

bool Parser::accept(TokenKind kind) {
  if (!at(kind)) return false;
  advance();
  return true;
}

std::string Parser::found() const { return describe(token().kind, text_of(token())); }

void Parser::error(std::string_view code, Span where, std::string message, std::vector<Note> notes) {
  diagnostics_.add({Severity::Error, code, where, std::move(message), std::move(notes)});
}

void Parser::error_at(const Token& where, std::string_view code, std::string message, std::vector<Note> notes) {
  if (where.kind == TokenKind::Error || where.reported) return;
  error(code, span_of(where), std::move(message), std::move(notes));
}

void Parser::warn(std::string_view code, Span where, std::string message) {
  diagnostics_.add({Severity::Warning, code, where, std::move(message), {}});
}

void Parser::unsupported(const Token& where, std::string_view what, std::string_view remedy) {
  error_at(where, codes::unsupported_syntax, fmt::format("{} not part of the language{}{}", what, remedy.empty() ? "" : "; ", remedy));
}

int Parser::max_depth() { return kMaxNesting; }

void Parser::too_deep() {
  if (too_deep_reported_) return;  // once says it; where one thing is nested too deeply, so is the next
  too_deep_reported_ = true;
  error(codes::nesting_too_deep, span_of(token()), fmt::format("nesting deeper than {} levels; give parts of this names or functions of their own", kMaxNesting));
}

namespace {

constexpr std::string_view kScoreParameters[] = {"score", "b", "h", "q_idx", "kv_idx"};
constexpr std::string_view kMaskParameters[] = {"b", "h", "q_idx", "kv_idx"};

/// Whether the source is within the limit; if not, little more than its first line is kept, for the message.
bool fits(Source& source, std::uint16_t index, Diagnostics& diagnostics) {
  constexpr std::size_t kKept = 4096;
  if (source.text.size() <= kMaxSourceBytes) return true;
  diagnostics.add({Severity::Error, codes::source_too_large, {0, 0, index},
                   fmt::format("the text has {} bytes; at most {} (1 MiB) are accepted", source.text.size(), kMaxSourceBytes), {}});
  source.text.resize(kKept);
  return false;
}

void report_deep_unclosed(const LexedSource& lexed, Diagnostics& diagnostics) {
  if (lexed.deep_unclosed && !diagnostics.has_errors())
    diagnostics.add({Severity::Error, codes::unclosed_bracket, *lexed.deep_unclosed, "this bracket is never closed", {}});
}

/// A mod made around a bare expression.
void add_bare_mod(Program& program, std::string_view name, std::span<const std::string_view> parameters, std::uint16_t source, bool good, Diagnostics& diagnostics) {
  const Span all{0, static_cast<std::uint32_t>(program.sources[source].text.size()), source};
  Expr* value = nullptr;
  if (good) {
    const LexedSource lexed = lex(program.sources[source].text, source, true, diagnostics);
    value = Parser(program, lexed.tokens, source, diagnostics).parse_bare_expression();
    report_deep_unclosed(lexed, diagnostics);
  }
  if (value == nullptr) value = program.new_expr(ExprKind::Error, all);
  Function* function = program.new_function();
  function->name = name;
  function->name_span = value->span;
  for (std::string_view parameter : parameters) function->parameters.push_back({parameter, {0, 0, source}, nullptr, false});
  Stmt* result = program.new_stmt(StmtKind::Return, value->span);
  result->value = value;
  function->body.push_back(result);
  Stmt* def = program.new_stmt(StmtKind::Def, value->span);
  def->function = function;
  def->name = name;
  def->name_span = value->span;
  program.top_level.push_back(def);
}

}  // namespace

std::unique_ptr<Program> parse_file(Source source, Diagnostics& diagnostics) {
  const bool good = fits(source, 0, diagnostics);
  diagnostics.add_source(source);
  std::vector<Source> sources;
  sources.push_back(std::move(source));
  auto program = std::make_unique<Program>(std::move(sources));
  if (!good) return program;
  const LexedSource lexed = lex(program->sources[0].text, 0, false, diagnostics);
  Parser(*program, lexed.tokens, 0, diagnostics).parse_program();
  report_deep_unclosed(lexed, diagnostics);
  return program;
}

std::unique_ptr<Program> parse_expressions(Source score, Source mask, Diagnostics& diagnostics) {
  const bool has_score = !score.name.empty(), has_mask = !mask.name.empty();
  std::vector<Source> sources;
  std::vector<bool> good;
  for (Source* source : {&score, &mask}) {
    if (source->name.empty()) continue;
    good.push_back(fits(*source, static_cast<std::uint16_t>(sources.size()), diagnostics));
    diagnostics.add_source(*source);
    sources.push_back(std::move(*source));
  }
  auto program = std::make_unique<Program>(std::move(sources));
  program->bare_expressions = true;
  if (has_score) add_bare_mod(*program, "score_mod", kScoreParameters, 0, good.front(), diagnostics);
  if (has_mask) add_bare_mod(*program, "mask_mod", kMaskParameters, has_score ? 1 : 0, good.back(), diagnostics);
  return program;
}

}  // namespace flexc::dsl
