// Non-ASCII characters that get into source text by way of word processors, mathematics and other keyboards, and what they mean.
#include <algorithm>
#include <array>

#include "dsl/syntax/lexer_state.h"

namespace flexc::dsl {
namespace {

struct Lookalike {
  char32_t value;
  Foreign meaning;
};

using enum ForeignKind;
constexpr std::array kLookalikes = {
    Lookalike{0x00A0, {Space, TokenKind::Error, " "}},
    Lookalike{0x00AC, {Operator, TokenKind::Not, "not"}},
    Lookalike{0x00AD, {Space, TokenKind::Error, ""}},
    Lookalike{0x00B4, {Quote, TokenKind::Error, "'"}},
    Lookalike{0x00B7, {Operator, TokenKind::Star, "*"}},
    Lookalike{0x00D7, {Operator, TokenKind::Star, "*"}},
    Lookalike{0x00F7, {Operator, TokenKind::Slash, "/"}},
    Lookalike{0x037E, {Operator, TokenKind::Semicolon, ";"}},
    Lookalike{0x2010, {Operator, TokenKind::Minus, "-"}},
    Lookalike{0x2011, {Operator, TokenKind::Minus, "-"}},
    Lookalike{0x2012, {Operator, TokenKind::Minus, "-"}},
    Lookalike{0x2013, {Operator, TokenKind::Minus, "-"}},
    Lookalike{0x2014, {Operator, TokenKind::Minus, "-"}},
    Lookalike{0x2018, {Quote, TokenKind::Error, "'"}},
    Lookalike{0x2019, {Quote, TokenKind::Error, "'"}},
    Lookalike{0x201C, {Quote, TokenKind::Error, "\""}},
    Lookalike{0x201D, {Quote, TokenKind::Error, "\""}},
    Lookalike{0x201E, {Quote, TokenKind::Error, "\""}},
    Lookalike{0x2026, {Operator, TokenKind::Ellipsis, "..."}},
    Lookalike{0x2192, {Operator, TokenKind::Arrow, "->"}},
    Lookalike{0x2212, {Operator, TokenKind::Minus, "-"}},
    Lookalike{0x2215, {Operator, TokenKind::Slash, "/"}},
    Lookalike{0x2217, {Operator, TokenKind::Star, "*"}},
    Lookalike{0x221E, {Symbol, TokenKind::Error, "inf"}},
    Lookalike{0x2227, {Operator, TokenKind::And, "and"}},
    Lookalike{0x2228, {Operator, TokenKind::Or, "or"}},
    Lookalike{0x2260, {Operator, TokenKind::NotEqual, "!="}},
    Lookalike{0x2264, {Operator, TokenKind::LessEqual, "<="}},
    Lookalike{0x2265, {Operator, TokenKind::GreaterEqual, ">="}},
    Lookalike{0x22C5, {Operator, TokenKind::Star, "*"}},
    Lookalike{0x2A7D, {Operator, TokenKind::LessEqual, "<="}},
    Lookalike{0x2A7E, {Operator, TokenKind::GreaterEqual, ">="}},
    Lookalike{0x3000, {Space, TokenKind::Error, " "}},
    Lookalike{0x3001, {Operator, TokenKind::Comma, ","}},
    Lookalike{0xFEFF, {Space, TokenKind::Error, ""}},
    Lookalike{0xFF0B, {Operator, TokenKind::Plus, "+"}},
    Lookalike{0xFF0C, {Operator, TokenKind::Comma, ","}},
    Lookalike{0xFF0D, {Operator, TokenKind::Minus, "-"}},
    Lookalike{0xFF1A, {Operator, TokenKind::Colon, ":"}},
    Lookalike{0xFF1C, {Operator, TokenKind::Less, "<"}},
    Lookalike{0xFF1D, {Operator, TokenKind::Assign, "="}},
    Lookalike{0xFF1E, {Operator, TokenKind::Greater, ">"}},
};
static_assert(std::ranges::is_sorted(kLookalikes, {}, &Lookalike::value));

}  // namespace

Foreign classify_foreign(char32_t value) {
  const auto* found = std::ranges::lower_bound(kLookalikes, value, {}, &Lookalike::value);
  if (found != kLookalikes.end() && found->value == value) return found->meaning;
  if ((value >= 0x80 && value < 0xA0) || (value >= 0x2000 && value <= 0x200F) || (value >= 0x2028 && value <= 0x202F) || (value >= 0x205F && value <= 0x206F))
    return {Space, TokenKind::Error, ""};
  // Punctuation, arrows, mathematics, pictures: nothing that a name could be made of.
  const bool symbol = (value >= 0xA1 && value <= 0xBF && value != 0xAA && value != 0xB5 && value != 0xBA) || (value >= 0x2010 && value <= 0x206F) ||
                      (value >= 0x20A0 && value <= 0x20CF) || (value >= 0x2190 && value <= 0x2BFF) || (value >= 0x3000 && value <= 0x3004) ||
                      (value >= 0x3008 && value <= 0x3020) || (value >= 0xFF01 && value <= 0xFF0F) || (value >= 0xFF1A && value <= 0xFF20) ||
                      (value >= 0x1F000 && value <= 0x1FAFF) || value == 0xFFFD;
  return {symbol ? Symbol : Letter, TokenKind::Error, ""};
}

}  // namespace flexc::dsl
