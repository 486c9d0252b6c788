// The generator's expressions beside the table: other spellings, and affine scores.
#include "tests/random_mods/generator.h"

namespace random_mods {

/// Spellings that the table does not have.
std::optional<Expression> Generator::special(Type type, Scope& scope, int depth) {
  const auto of = [&](Kind kind, bool run_time = false) { return expression({kind}, scope, depth - 1, run_time); };
  const auto make = [&](std::string text, std::vector<Expression> children, unsigned features = 0) {
    return Expression{type, std::move(text), std::move(children), -1, features};
  };
  const auto row = [&](Kind kind) { return expression({kind, chance(50) ? Length::Four : Length::Fresh}, scope, depth - 1); };
  switch (type.kind) {
    case Kind::Bool: {
      // The same sum, fused or not: they are equal because nothing may be fused.
      if (chance(12)) {
        const Type rows{Kind::RowF32, chance(50) ? Length::Four : Length::Fresh};
        return make("(dot($0, $1) == sum($0 * $1))", {expression(rows, scope, 1), expression(rows, scope, 1)}, kRow);
      }
      static const std::vector<std::string> compare = {"<", "<=", ">", ">=", "==", "!="};
      if (chance(40)) return make("($0 " + pick(compare) + " $1 " + pick(compare) + " $2)", {of(Kind::I64, true), of(Kind::I64), of(Kind::I64)});
      if (chance(40)) return make("($0 " + pick(compare) + " $1 " + pick(compare) + " $2)", {of(Kind::F32, true), of(Kind::F32), of(Kind::I64)});
      return make("($0 " + pick(std::vector<std::string>{"and", "or"}) + " $1 and $2)", {of(Kind::Bool, true), of(Kind::Bool), of(Kind::Bool)});
    }
    case Kind::I64:
      switch (below(9)) {
        case 0:
          return make("($0).to(torch.int32)", {of(Kind::I64, true)}, kMethod);
        case 1:
          return make("($0).to(torch.int32)", {of(Kind::F32, true)}, kMethod);
        case 2:
          return make("($0).long()", {of(Kind::F32, true)}, kMethod);
        case 3:
          return make("torch.remainder($0, $1)", {of(Kind::I64, true), of(Kind::I64)});
        case 4:
          return make("torch.div($0, $1, rounding_mode=\"floor\")", {of(Kind::I64, true), of(Kind::I64)});
        case 5:
          return make(std::string(chance(50) ? "min" : "max") + "($0, $1, $2)", {of(Kind::I64, true), of(Kind::I64), of(Kind::I64)});
        case 6:
          return make("clamp($0, " + std::string(chance(50) ? "min" : "max") + "=$1)", {of(Kind::I64, true), of(Kind::I64)});
        case 7:
          return make("($0)[$1]", {row(Kind::RowI64), index(scope, depth - 1)}, kRow | kGather);
        default:
          return make("($0 if $1 else $2)", {of(Kind::I64), of(Kind::Bool, true), of(Kind::I64)});
      }
    case Kind::F32:
      switch (below(9)) {
        case 0:
          return make("($0).to(torch.float32)", {of(Kind::I64, true)}, kMethod);
        case 1:
          return make("($0).float()", {of(Kind::I64, true)}, kMethod);
        case 2:
          return make("F.gelu($0, approximate=\"tanh\")", {of(Kind::F32, true)});
        case 3:
          return make("torch.sigmoid($0)", {of(Kind::F32, true)});
        case 4:
          return make(std::string(chance(50) ? "min" : "max") + "($0, $1, $2)", {of(Kind::F32, true), of(Kind::I64), of(Kind::F32)});
        case 5:
          return make("clamp($0, " + std::string(chance(50) ? "min" : "max") + "=$1)", {of(Kind::F32, true), of(Kind::F32)});
        case 6:
          return make("($0)[$1]", {row(Kind::RowF32), index(scope, depth - 1)}, kRow | kGather);
        case 7:
          return make("sqrt((($0 - $1) ** 2).sum(-1))",
                      {expression({Kind::RowF32, Length::Four}, scope, depth - 1), expression({Kind::RowF32, Length::Four}, scope, depth - 1)},
                      kRow | kMethod);
        default:
          return make("math.tanh($0)", {of(Kind::F32, true)});
      }
    default:
      return std::nullopt;
  }
}

/// Scores that are affine in score and column, which the compiler may give to the kernel as three numbers.
Expression Generator::affine(Scope& scope, int depth) {
  const auto uniform = [&](Kind kind) -> Expression {
    if (kind == Kind::F32)
      return {{kind}, pick(std::vector<std::string>{"gain", "bias", "tf[h_]", "(gain * 0.5)", "0.125", "th[q_]"}), {}, -1, kParam};
    return {{kind},
            pick(std::vector<std::string>{"window", "span", "count", "ti[h_]", "tw[q_]", "3", "Q", "(q_ // 2)", "9223372036854775807", "1000003"}),
            {},
            -1,
            kParam};
  };
  const auto integer = [&]() -> Expression {
    switch (below(6)) {
      case 0:
        return {{Kind::I64}, "(kv_ - q_)", {}};
      case 1:
        return {{Kind::I64}, "(q_ - kv_ + $0)", {uniform(Kind::I64)}};
      case 2:
        return {{Kind::I64}, "(kv_ * " + pick(std::vector<std::string>{"2", "-3", "4611686018427387904", "1099511627776"}) + ")", {}};
      case 3:
        return {{Kind::I64}, "(kv_ - $0)", {uniform(Kind::I64)}};
      case 4:
        return {{Kind::I64}, "((kv_ + $0) * 2 - kv_)", {uniform(Kind::I64)}};
      default:
        return {{Kind::I64}, "(-kv_)", {}};
    }
  };
  if (depth <= 0) return {{Kind::F32}, "s_", {}};
  switch (below(7)) {
    case 0:
      return {{Kind::F32}, "($0 + $1)", {affine(scope, depth - 1), uniform(Kind::F32)}};
    case 1:
      return {{Kind::F32}, "($0 * $1)", {affine(scope, depth - 1), uniform(Kind::F32)}};
    case 2:
      return {{Kind::F32}, "($0 - $1 * $2)", {affine(scope, depth - 1), uniform(Kind::F32), integer()}};
    case 3:
      return {{Kind::F32}, "($0 + $1)", {affine(scope, depth - 1), integer()}};
    case 4:
      return {{Kind::F32}, "($0 / $1)", {affine(scope, depth - 1), uniform(Kind::F32)}};
    case 5:
      return {{Kind::F32}, "(-$0)", {affine(scope, depth - 1)}};
    default:
      return {{Kind::F32}, "($0 + $1 * $2)", {affine(scope, depth - 1), integer(), uniform(Kind::F32)}};
  }
}

}  // namespace random_mods
