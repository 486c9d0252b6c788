// Values of the launch level by the launch program, which a host without a compiler interprets, against `fill_launch` of the compiled mods: the same bits
// for the gallery, for every operation at edge values and for random expressions.
#include <catch2/catch.hpp>

#include "compiler/stages.h"
#include "flexc/random.h"
#include "tests/hooks/host_mods.h"
#include "tests/ir/bound_variant.h"
#include "tests/ir/normal_form_of.h"
#include "tests/ir/operation_cases.h"

using namespace flexc;

namespace {

constexpr double kScale = 0.0883883461356163;

dsl::NormalForm form_of(const std::string& text) {
  std::string error;
  auto form = normal_form_of_text("test.flex", text, error);
  INFO(text << error);
  REQUIRE(form.has_value());
  return *form;
}

/// A mask that needs an integer of the launch level, as a value and as a divisor.
std::string of_integer(const std::string& expression) {
  return "param a: i64 = 0\nparam b: i64 = 0\nparam x: f32 = 0\nparam y: f32 = 0\nparam c: bool = False\ndef mask_mod(b_, h, q_idx, kv_idx):\n    v = " + expression +
         "\n    return ((q_idx + kv_idx * 3) % v != v * 2) ^ (kv_idx * q_idx == v)\n";
}

/// A score that needs a float of the launch level, bare and as a factor of the logit.
std::string of_float(const std::string& expression) {
  return "param a: i64 = 0\nparam b: i64 = 0\nparam x: f32 = 0\nparam y: f32 = 0\nparam c: bool = False\ndef score_mod(score, b_, h, q_idx, kv_idx):\n    v = " + expression +
         "\n    return tanh(score) * v + where(v > score, 1.0, score)\n";
}

std::string renamed(std::string expression) {
  // a and b of the tables of operations are the floats here; their names stand alone in an expression.
  const auto is_letter = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  for (std::size_t i = 0; i < expression.size(); ++i) {
    const bool alone = (i == 0 || !is_letter(expression[i - 1])) && (i + 1 == expression.size() || !is_letter(expression[i + 1]));
    if (alone && (expression[i] == 'a' || expression[i] == 'b')) expression[i] = expression[i] == 'a' ? 'x' : 'y';
  }
  return expression;
}

dsl::Environment environment_of(std::int64_t a, std::int64_t b, float x, float y, bool c) {
  dsl::Environment environment;
  environment.problem = {2, 6, 3, 300, 517};
  environment.params = {{.integer = a}, {.integer = b}, {.real = x}, {.real = y}, {.integer = c}};
  return environment;
}

/// Typed random expressions over the params and sizes.
class Expressions {
 public:
  explicit Expressions(std::uint64_t seed) : random_(seed, "launch") {}
  std::uint64_t below(std::uint64_t bound) { return random_.below(at_++, bound); }

  std::string integer(int depth) {
    static constexpr const char* kLeaves[] = {"a", "b", "Q", "KV", "H", "HKV", "B", "7", "-3", "1", "64", "1048576"};
    if (depth == 0) return kLeaves[below(std::size(kLeaves))];
    static constexpr const char* kInfix[] = {"+", "-", "*", "//", "%", "&", "|", "^", "<<", ">>"};
    static constexpr const char* kCalls[] = {"min", "max"};
    static constexpr const char* kUnary[] = {"abs", "sign", "-", "~"};
    switch (below(6)) {
      case 0: case 1: case 2: return "(" + integer(depth - 1) + " " + kInfix[below(std::size(kInfix))] + " " + integer(depth - 1) + ")";
      case 3: return std::string(kCalls[below(2)]) + "(" + integer(depth - 1) + ", " + integer(depth - 1) + ")";
      case 4: return std::string(kUnary[below(4)]) + "(" + integer(depth - 1) + ")";
      default: return below(2) ? "where(" + truth(depth - 1) + ", " + integer(depth - 1) + ", " + integer(depth - 1) + ")" : "int(" + real(depth - 1) + ")";
    }
  }
  std::string real(int depth) {
    static constexpr const char* kLeaves[] = {"x", "y", "0.5", "-2.75", "1e-3", "float(a)", "float(KV)", "3.0"};
    if (depth == 0) return kLeaves[below(std::size(kLeaves))];
    static constexpr const char* kInfix[] = {"+", "-", "*", "/", "//", "%"};
    static constexpr const char* kUnary[] = {"abs", "exp", "exp2", "log", "log2", "tanh", "sigmoid", "sqrt", "rsqrt", "sin", "cos", "floor", "ceil", "round", "erf", "expm1", "log1p", "-"};
    switch (below(4)) {
      case 0: case 1: return "(" + real(depth - 1) + " " + kInfix[below(std::size(kInfix))] + " " + real(depth - 1) + ")";
      case 2: return std::string(kUnary[below(std::size(kUnary))]) + "(" + real(depth - 1) + ")";
      default: return "where(" + truth(depth - 1) + ", " + real(depth - 1) + ", " + real(depth - 1) + ")";
    }
  }
  std::string truth(int depth) {
    static constexpr const char* kCompare[] = {"==", "!=", "<", "<=", ">", ">="};
    if (depth == 0) return "c";
    switch (below(4)) {
      case 0: return "(" + integer(depth - 1) + " " + kCompare[below(6)] + " " + integer(depth - 1) + ")";
      case 1: return "(" + real(depth - 1) + " " + kCompare[below(6)] + " " + real(depth - 1) + ")";
      case 2: return "(" + truth(depth - 1) + (below(2) ? " and " : " or ") + truth(depth - 1) + ")";
      default: return "(not " + truth(depth - 1) + ")";
    }
  }

 private:
  CounterRandom random_;
  std::uint64_t at_ = 0;
};

struct Outcome {
  std::size_t compared = 0, values = 0, different = 0;
  std::string first;
};

/// All forms in one unit, each at all pairs of edges that the member takes.
Outcome compare(const std::vector<dsl::NormalForm>& forms, compiler::Member member) {
  const auto host = HostMods::compile(forms, nullptr, member);
  INFO((host ? std::string() : host.error().message));
  REQUIRE(host.has_value());
  Outcome outcome;
  for (std::size_t i = 0; i < forms.size(); ++i) {
    const EmittedMod& mod = host->mods()[i];
    outcome.values += mod.hooks.launch.values.size() + mod.hooks.launch.divisors.size();
    const auto integers = integer_edges();
    const auto floats = float_edges();
    for (std::size_t at = 0; at < integers.size() * floats.size(); ++at) {
      std::int64_t a = integers[at % integers.size()], b = integers[at / integers.size() % integers.size()];
      if (member == compiler::Member::Narrow) a %= compiler::kNarrowLimit, b %= compiler::kNarrowLimit;
      const auto environment = environment_of(a, b, floats[at % floats.size()], floats[at / floats.size() % floats.size()], at % 3 == 0);
      ++outcome.compared;
      const std::string difference = mod.launch_difference(mod.params(forms[i], environment, {}, kScale));
      if (difference.empty()) continue;
      if (outcome.different++ == 0) outcome.first = forms[i].text + "\n" + difference;
    }
  }
  return outcome;
}

}  // namespace

TEST_CASE("launch values of every operation") {
  std::vector<dsl::NormalForm> forms;
  for (const OperationCase& c : kIntegerCases) forms.push_back(form_of(of_integer(c.expression)));
  for (const OperationCase& c : kFloatCases) forms.push_back(form_of(of_float(renamed(c.expression))));
  for (const OperationCase& c : kFloatToInteger) forms.push_back(form_of(of_integer(renamed(c.expression))));
  for (const auto member : {compiler::Member::Wide, compiler::Member::Narrow}) {
    const Outcome outcome = compare(forms, member);
    INFO(outcome.first);
    CHECK(outcome.different == 0);
    CHECK(outcome.values >= forms.size());
    WARN("launch values, " << (member == compiler::Member::Wide ? "wide" : "narrow") << ": " << outcome.values << " values of " << forms.size() << " operations, " << outcome.compared << " launches, "
                           << outcome.different << " differ");
  }
}

TEST_CASE("launch values of random expressions") {
  const std::uint64_t seed = 20;
  CAPTURE(seed);
  Expressions expressions(seed);
  constexpr std::size_t kForms = 60;
  std::vector<dsl::NormalForm> forms;
  while (forms.size() < kForms) {
    // Some are refused, rightly: a constant shift by -3.
    std::string refused;
    if (auto form = normal_form_of_text("test.flex", forms.size() % 2 ? of_integer(expressions.integer(3)) : of_float(expressions.real(3)), refused)) forms.push_back(std::move(*form));
  }
  for (const auto member : {compiler::Member::Wide, compiler::Member::Narrow}) {
    const Outcome outcome = compare(forms, member);
    INFO(outcome.first);
    CHECK(outcome.different == 0);
    CHECK(outcome.values > forms.size() / 2);
    WARN("launch values of random expressions: " << outcome.values << " values of " << forms.size() << " forms, " << outcome.compared << " launches, " << outcome.different << " differ");
  }
}

TEST_CASE("a launch program survives its bytes, and damaged ones are refused") {
  const auto hooks = compiler::emit_cuda_hooks(form_of(of_integer("a // b + int(exp(x))")), {});
  REQUIRE(hooks.has_value());
  const runtime::LaunchProgram& launch = hooks->launch;
  REQUIRE(!launch.values.empty());
  REQUIRE(!launch.divisors.empty());
  const auto bytes = runtime::serialize(launch);
  const auto back = runtime::deserialize_launch_program(bytes);
  REQUIRE(back.has_value());
  CHECK(*back == launch);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto damaged = bytes;
    damaged[i] ^= std::byte{0x11};
    CHECK_FALSE(runtime::deserialize_launch_program(damaged).has_value());
    CHECK_FALSE(runtime::deserialize_launch_program(std::span(bytes).first(i)).has_value());
  }
  runtime::LaunchProgram of_a_pair = launch;
  of_a_pair.program.instructions[0] = {tile::Opcode::KvIdx, 0, 0, 0};
  CHECK(runtime::check(of_a_pair).find("kv_idx") != std::string::npos);
}

TEST_CASE("the comparison of launch values notices a changed program") {
  const std::vector<dsl::NormalForm> forms = {form_of(of_integer("a * 3 + b"))};
  auto host = HostMods::compile(forms);
  REQUIRE(host.has_value());
  EmittedMod changed = host->mods()[0];
  const auto environment = environment_of(5, 7, 0, 0, false);
  CHECK(changed.launch_difference(changed.params(forms[0], environment, {}, kScale)).empty());
  for (tile::Instruction& instruction : changed.hooks.launch.program.instructions)
    if (instruction.op == tile::Opcode::Add) instruction.op = tile::Opcode::Sub;
  CHECK_FALSE(changed.launch_difference(changed.params(forms[0], environment, {}, kScale)).empty());
}
