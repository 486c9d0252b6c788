// def, parameters, and the three declarations.
#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "dsl/codes.h"
#include "dsl/syntax/names.h"
#include "dsl/syntax/parse.h"
#include "dsl/syntax/parser.h"

namespace flexc::dsl {
namespace {

constexpr std::array<std::string_view, 7> kTensorTypes = {"f32", "f16", "bf16", "i32", "i64", "u8", "bool"};
constexpr std::array<std::string_view, 4> kParamTypes = {"f32", "i32", "i64", "bool"};

/// What other systems call the types.
std::string_view usual_alias(std::string_view name) {
  struct Alias {
    std::string_view other, ours;
  };
  constexpr std::array kAliases = {Alias{"float", "f32"},    Alias{"float32", "f32"},  Alias{"fp32", "f32"},    Alias{"single", "f32"}, Alias{"half", "f16"},
                                   Alias{"float16", "f16"},  Alias{"fp16", "f16"},     Alias{"bfloat16", "bf16"}, Alias{"int", "i32"},  Alias{"int32", "i32"},
                                   Alias{"long", "i64"},     Alias{"int64", "i64"},    Alias{"uint8", "u8"},    Alias{"byte", "u8"},   Alias{"boolean", "bool"},
                                   Alias{"double", "f32"},   Alias{"f64", "f32"},      Alias{"float64", "f32"}, Alias{"Tensor", "f32"}, Alias{"bool_", "bool"}};
  const auto* found = std::ranges::find(kAliases, name, &Alias::other);
  return found == kAliases.end() ? std::string_view{} : found->ours;
}

}  // namespace

/// `def name(parameters) -> annotation: body`. A broken header is reported, and its body parsed all the same.
Stmt* Parser::parse_def() {
  const std::size_t first = at_;
  const Token& keyword = token();
  Function* function = program_.new_function();
  Stmt* def = program_.new_stmt(StmtKind::Def, span_of(keyword));
  def->function = function;
  advance();
  const bool good = parse_def_header(*function, *def);
  if (!good) {
    guess_parameters(*function, first);
    def->kind = StmtKind::Error;
    if (!function->name.empty()) def->error_bindings.push_back(function->name);
    if (function->name_span.end == 0) function->name_span = span_of(keyword);
  }
  def->span = span_from(keyword.begin);
  parse_block(function->body, keyword, !good);
  if (!good && function->parameters.empty()) function->body = {error_statement(first)};  // its parameters are unknown, and so are the names in it
  return def;
}

/// From the name to before the ':'.
bool Parser::parse_def_header(Function& function, Stmt& def) {
  if (!at(TokenKind::Name)) {
    error_at(token(), codes::syntax_error, fmt::format("expected a function's name after 'def', found {}{}", found(),
                                                      is_keyword_token(token().kind) ? "; a keyword cannot be a name" : ""));
    return false;
  }
  function.name = def.name = text_of(token());
  function.name_span = def.name_span = span_of(token());
  advance();
  if (!at(TokenKind::LeftParen)) {
    error_at(token(), codes::syntax_error, fmt::format("expected '(' and parameters after the function's name, found {}", found()));
    return false;
  }
  const Token& open = token();
  advance();
  if (!parse_parameters(function, TokenKind::RightParen, true)) return false;
  if (!at(TokenKind::RightParen)) {
    expected_in_bracket(open, "',' or ')'", "after the parameter");
    return false;
  }
  advance();
  return !accept(TokenKind::Arrow) || skip_annotation({TokenKind::Colon});
}

/// Whatever a broken header has by way of names may be parameters: the body is not blamed for using them.
void Parser::guess_parameters(Function& function, std::size_t first) {
  for (std::size_t i = first; tokens_[i].kind != TokenKind::Newline && tokens_[i].kind != TokenKind::EndOfFile; ++i) {
    const std::string_view name = text_of(tokens_[i]);
    const bool known = std::ranges::find(function.parameters, name, &Parameter::name) != function.parameters.end();
    if (tokens_[i].kind == TokenKind::Name && name != function.name && !known && function.parameters.size() < 1000)
      function.parameters.push_back({name, span_of(tokens_[i]), nullptr, false});
  }
}

bool Parser::parse_parameters(Function& function, TokenKind end, bool annotations) {
  bool keyword_only = false;
  while (!at(end)) {
    if (at(TokenKind::Star) && (peek().kind == TokenKind::Comma || peek().kind == end)) {
      if (keyword_only) error_at(token(), codes::invalid_parameter, "a second bare '*' among the parameters");
      else if (peek().kind == end) error_at(token(), codes::invalid_parameter, "parameters must follow the bare '*'");
      keyword_only = true;
      advance();
    } else if (at(TokenKind::Slash)) {
      unsupported(token(), "'/' among parameters is", "remove it");
      advance();
    } else if (!parse_parameter(function, annotations, keyword_only)) {
      return false;
    }
    if (!at(TokenKind::Comma)) break;
    advance();
  }
  return true;
}

bool Parser::parse_parameter(Function& function, bool annotations, bool keyword_only) {
  bool starred = false;
  if (!at(TokenKind::Name) && !refuse_parameter(starred)) return false;
  Parameter parameter;
  parameter.name = text_of(token());
  parameter.span = span_of(token());
  parameter.keyword_only = keyword_only;
  advance();
  if (annotations && accept(TokenKind::Colon) && !skip_annotation({TokenKind::Comma, TokenKind::RightParen, TokenKind::Assign})) return false;
  if (accept(TokenKind::Assign)) {
    parameter.default_value = parse_expression();
    if (parameter.default_value == nullptr) return false;
  } else if (!keyword_only && !starred && !function.parameters.empty() && !function.parameters.back().keyword_only &&
             function.parameters.back().default_value != nullptr) {
    missing_default(parameter, function.parameters.back());
  }
  function.parameters.push_back(parameter);
  return true;
}

void Parser::missing_default(const Parameter& parameter, const Parameter& before) {
  error(codes::invalid_parameter, parameter.span, fmt::format("parameter '{}' without a default follows '{}', which has one", parameter.name, before.name));
}

/// What is no plain parameter. True if one can be made of it all the same, so that the rest of the header is understood.
bool Parser::refuse_parameter(bool& starred) {
  starred = true;
  if (at(TokenKind::Star) || at(TokenKind::DoubleStar)) {
    unsupported(token(), fmt::format("a '{}' parameter is", text_of(token())),
                at(TokenKind::Star) ? "list the parameters, or pass a tuple" : "list the parameters, with defaults where they may be left out");
    advance();
    if (at(TokenKind::Name)) return true;
  }
  if (is_keyword_token(token().kind)) {
    error_at(token(), codes::invalid_parameter, fmt::format("expected a parameter's name, found {}; a keyword cannot be a name", found()));
    const TokenKind next = peek().kind;
    return next == TokenKind::Comma || next == TokenKind::RightParen || next == TokenKind::Colon || next == TokenKind::Assign;
  }
  if (at(TokenKind::LeftParen)) unsupported(token(), "a tuple among parameters is", "take one parameter, and unpack it with an assignment");
  else error_at(token(), codes::invalid_parameter, fmt::format("expected a parameter's name, found {}", found()));
  return token().kind == TokenKind::Error && token().end > token().begin;
}

/// tensor, param and const are keywords only where a declaration's name follows, which no other statement allows.
bool Parser::at_declaration() const {
  if (!at(TokenKind::Name)) return false;
  const std::string_view word = text_of(token());
  if (word != "tensor" && word != "param" && word != "const") return false;
  const TokenKind next = peek().kind;
  if (next == TokenKind::Name || (next == TokenKind::Error && peek().begin != peek().end)) return true;
  const TokenKind after = peek(2).kind;
  return is_keyword_token(next) && next != TokenKind::Is && next != TokenKind::In && (after == TokenKind::Colon || after == TokenKind::Assign);
}

Stmt* Parser::parse_declaration(bool top_level) {
  const Token& keyword = token();
  const std::string_view word = text_of(keyword);
  const bool tensor = word == "tensor", constant = word == "const";
  Stmt* declaration = program_.new_stmt(tensor ? StmtKind::TensorDecl : constant ? StmtKind::ConstDecl : StmtKind::ParamDecl, span_of(keyword));
  advance();
  if (!at(TokenKind::Name)) {
    error_at(token(), codes::invalid_declaration, fmt::format("expected the name of the {}, found {}; a keyword cannot be a name", word, found()));
    return nullptr;
  }
  declaration->name = text_of(token());
  declaration->name_span = span_of(token());
  advance();
  if (!top_level)
    error(codes::misplaced_declaration, span_of(keyword), fmt::format("'{}' declares at the top level of the file only, not within a function or block", word));
  if (constant) {
    if (at(TokenKind::Colon)) {
      error_at(token(), codes::invalid_declaration, "a const has no type: it is written 'const NAME = expression'");
      advance();
      if (!skip_annotation({TokenKind::Assign})) return nullptr;
    }
    if (!at(TokenKind::Assign)) {
      error_at(token(), codes::invalid_declaration, fmt::format("expected '=' and a value after the const's name, found {}", found()));
      return nullptr;
    }
  } else if (!parse_declared_type(*declaration, tensor)) {
    return nullptr;
  }
  if (at(TokenKind::Assign)) {
    if (tensor) {
      error_at(token(), codes::invalid_declaration, "a tensor has no value here: it is captured when the kernel is called; 'const' and 'param' have values");
      return nullptr;
    }
    advance();
    declaration->value = constant ? parse_expression_list() : parse_expression();
    if (declaration->value == nullptr) return nullptr;
  }
  declaration->span = span_from(keyword.begin);
  if (!top_level) {
    declaration->kind = StmtKind::Error;
    declaration->error_bindings.push_back(declaration->name);
  }
  return declaration;
}

/// `: dtype` and, for a tensor, `[dims]`.
bool Parser::parse_declared_type(Stmt& declaration, bool tensor) {
  const std::string_view what = tensor ? "tensor" : "param";
  const std::string_view form = tensor ? "'tensor NAME: dtype[dims]'" : "'param NAME: type = default'";
  const std::string known = tensor ? fmt::format("{}", fmt::join(kTensorTypes, " ")) : fmt::format("{}", fmt::join(kParamTypes, " "));
  if (!at(TokenKind::Colon)) {
    const bool untyped = at_line_end() || at(TokenKind::Assign) || at(TokenKind::LeftBracket);
    error_at(token(), untyped ? codes::missing_dtype : codes::invalid_declaration,
             fmt::format("expected ':' and a dtype after the {}'s name, found {}; the form is {}", what, found(), form));
    return false;
  }
  advance();
  if (!at(TokenKind::Name)) {
    error_at(token(), codes::missing_dtype, fmt::format("expected a dtype, one of {}, found {}; the form is {}", known, found(), form));
    declaration.dtype_known = false;
    if (!at(TokenKind::LeftBracket)) return false;
  } else {
    const std::string_view name = text_of(token());
    const auto types = tensor ? std::span<const std::string_view>(kTensorTypes) : std::span<const std::string_view>(kParamTypes);
    if (std::ranges::find(types, name) != types.end()) {
      declaration.dtype = *dtype_from_name(name);
    } else {
      declaration.dtype_known = false;
      std::string_view near = usual_alias(name);
      if (near.empty()) near = nearest_name(name, types);
      const bool other = std::ranges::find(kTensorTypes, name) != kTensorTypes.end();
      error(codes::unknown_dtype, span_of(token()),
            other ? fmt::format("a param cannot be {}; its type is one of {}", name, known)
                  : fmt::format("unknown dtype '{}'; expected one of {}{}", name, known, near.empty() ? "" : fmt::format("; did you mean '{}'?", near)));
    }
    advance();
    while (at(TokenKind::Dot) && peek().kind == TokenKind::Name) {  // torch.float32
      declaration.dtype_known = false;
      advance();
      advance();
    }
  }
  if (tensor) return parse_dims(declaration);
  if (!at(TokenKind::LeftBracket)) return true;
  error_at(token(), codes::invalid_declaration, "a param is a scalar and has no dims; declare 'tensor NAME: dtype[dims]' for an array");
  return false;
}

bool Parser::parse_dims(Stmt& declaration) {
  if (!at(TokenKind::LeftBracket)) {
    error_at(token(), codes::invalid_dimension, fmt::format("expected '[' and the dims after the dtype, found {}; a scalar is '{}[]'", found(),
                                                            declaration.dtype_known ? name_of(declaration.dtype) : "f32"));
    return false;
  }
  const Token& open = token();
  advance();
  while (!at(TokenKind::RightBracket)) {
    if (!parse_dim(declaration)) return false;
    if (at(TokenKind::RightBracket)) break;
    if (!at(TokenKind::Comma)) {
      expected_in_bracket(open, "',' or ']'", "after the dim");
      return false;
    }
    advance();
  }
  advance();
  if (declaration.dims.size() > static_cast<std::size_t>(kMaxRank)) {
    error(codes::invalid_dimension, declaration.dims[kMaxRank].span, fmt::format("a tensor has at most {} dims, '{}' has {}", kMaxRank, declaration.name, declaration.dims.size()));
    return false;
  }
  return true;
}

/// One dim; what is none is reported and skipped.
bool Parser::parse_dim(Stmt& declaration) {
  constexpr std::string_view kExpected = "expected an integer of at least 0, one of B H HKV Q KV, a const or a fresh name";
  DimSyntax dim;
  dim.span = span_of(token());
  const TokenKind after = peek().kind;
  const bool alone = after == TokenKind::Comma || after == TokenKind::RightBracket || after == TokenKind::Error;
  const bool juxtaposed = after == TokenKind::Name || after == TokenKind::Integer;  // a comma is missing
  if (at(TokenKind::Name) && (alone || juxtaposed)) {
    dim.name = text_of(token());
    advance();
  } else if (at(TokenKind::Integer) && (alone || juxtaposed)) {
    std::string digits;
    for (char c : text_of(token()))
      if (c != '_') digits += c;
    int base = 10;
    std::string_view number = digits;
    if (digits.size() > 2 && !(digits[1] >= '0' && digits[1] <= '9')) {
      base = (digits[1] | 0x20) == 'x' ? 16 : 2;
      number.remove_prefix(2);
    }
    std::int64_t value = 0;
    const auto [end, problem] = std::from_chars(number.data(), number.data() + number.size(), value, base);
    if (problem != std::errc{}) error(codes::invalid_dimension, dim.span, "this dim is too large: it must fit in 64 bits, at most 9223372036854775807");
    dim.constant = value;
    advance();
  } else if (at(TokenKind::Comma) || at_line_end()) {
    error_at(token(), codes::invalid_dimension, fmt::format("{}, found {}", kExpected, found()));
    return at(TokenKind::Comma);
  } else {
    std::string what = found();
    if (at(TokenKind::Minus)) what = "a negative number";
    else if (at(TokenKind::Colon)) what = "':'";
    else if ((at(TokenKind::Name) || at(TokenKind::Integer)) && !alone) what = "an expression; give it a name with 'const'";
    const std::uint32_t begin = token().begin;
    const Token& start = token();
    int depth = 0;
    while (at(TokenKind::Newline) == false && !at(TokenKind::EndOfFile)) {
      if (depth == 0 && (at(TokenKind::Comma) || at(TokenKind::RightBracket))) break;
      if (at(TokenKind::LeftParen) || at(TokenKind::LeftBracket) || at(TokenKind::LeftBrace)) ++depth;
      if (at(TokenKind::RightParen) || at(TokenKind::RightBracket) || at(TokenKind::RightBrace)) --depth;
      advance();
    }
    dim.span = span_from(begin);
    if (start.kind != TokenKind::Error) error(codes::invalid_dimension, dim.span, fmt::format("{}, found {}", kExpected, what));
    dim.constant = 0;
  }
  declaration.dims.push_back(dim);
  return true;
}

}  // namespace flexc::dsl
