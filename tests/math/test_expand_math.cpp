// Expand math: accuracy on a stride of all f32, special values, exactness of the integral functions, and the printed table.
#include <catch2/catch.hpp>

#include <algorithm>
#include <bit>
#include <fstream>
#include <map>
#include <random>
#include <sstream>

#include "dsl/evaluate/scalar_ops.h"
#include "tests/math/reference_math.h"

using namespace flexc::dsl;
using namespace math_test;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();
const float kEdges[] = {0.0f, -0.0f, 1.0f, -1.0f, 2.0f, -2.0f, 0.5f, -0.5f, 3.0f, -3.0f, 2.5f, -2.5f, 1e-45f, -1e-45f, 0x1p-126f, -0x1p-126f, 0x1.fffffcp-127f, 0x1.fffffep-1f,
                        0x1.000002p0f, 16777215.0f, 16777216.0f, -16777217.0f, 1e30f, -1e30f, 0x1.fffffep127f, -0x1.fffffep127f, 88.8f, -104.0f, 128.0f, -150.0f, 0.785398f, kInf, -kInf, kNan};

float random_float(std::mt19937_64& random) { return std::bit_cast<float>(static_cast<std::uint32_t>(random())); }

/// Close in exponent, so that quotients and remainders are not trivial.
float random_moderate(std::mt19937_64& random) {
  const auto bits = random();
  return std::ldexp(static_cast<float>(static_cast<std::int32_t>(bits)), static_cast<int>(bits >> 59) - 40);
}

std::vector<const Expansion*> all_expansions() {
  std::vector<const Expansion*> all;
  for (Op op : expanded_functions()) all.push_back(expansion_of(op));
  for (Op op : loosely_expanded_functions()) all.push_back(loose_expansion_of(op));
  return all;
}

bool same(float a, float b) { return std::isnan(a) || std::isnan(b) ? std::isnan(a) && std::isnan(b) : std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b); }

}  // namespace

TEST_CASE("unary functions are as accurate as docs/math.md says", "[math]") {
  constexpr std::uint64_t kStride = 8191;  // a prime: over 500,000 inputs, all exponents and both signs
  for (const Reference& reference : kUnary) {
    const Expansion& expansion = expansion_of(reference);
    double worst = 0;
    float at = 0;
    const auto measure = [&](float x) {
      const double ulp = ulp_distance(evaluate_expansion(expansion, x), reference.value(static_cast<double>(x)));
      if (ulp > worst) {
        worst = ulp;
        at = x;
      }
    };
    for (std::uint64_t bits = 0; bits < std::uint64_t{1} << 32; bits += kStride) measure(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
    for (float x : kEdges) measure(x);
    INFO(reference.name << " at " << at);
    CHECK(worst <= reference.max_ulp);
  }
}

namespace {

/// A row of the table of docs/math.md.
struct Recorded {
  double ulp = 0, promised = 0;
  float at = 0;
};

std::map<std::string, Recorded> recorded_errors() {
  std::ifstream file(std::string(FLEXC_SOURCE_DIR) + "/docs/math.md");
  std::map<std::string, Recorded> table;
  for (std::string line; std::getline(file, line);) {
    std::vector<std::string> cells;
    std::istringstream text(line);
    for (std::string cell; std::getline(text, cell, '|');) cells.push_back(cell);
    if (cells.size() != 8 || cells[2].find_first_of("0123456789") == std::string::npos) continue;
    const auto first = cells[1].find_first_not_of(' ');
    table[cells[1].substr(first, cells[1].find_last_not_of(' ') + 1 - first)] = {std::stod(cells[4]), std::stod(cells[7]), std::stof(cells[5])};
  }
  return table;
}

}  // namespace

TEST_CASE("the worst inputs of docs/math.md have the errors that stand there", "[math]") {
  const auto table = recorded_errors();
  for (const Reference& reference : kUnary) {
    INFO(reference.name);
    const auto row = table.find(std::string(reference.name));
    REQUIRE(row != table.end());
    const Recorded& recorded = row->second;
    CHECK(recorded.promised == reference.max_ulp);
    CHECK(recorded.ulp <= reference.max_ulp);
    const double ulp = ulp_distance(evaluate_expansion(expansion_of(reference), recorded.at), reference.value(static_cast<double>(recorded.at)));
    CHECK(std::fabs(ulp - recorded.ulp) < 0.001);
  }
  CHECK(table.size() == std::size(kUnary));
}

TEST_CASE("the measure of accuracy notices errors", "[math]") {
  CHECK(ulp_distance(1.0f, 1.0) == 0);
  CHECK(ulp_distance(0x1.000002p0f, 1.0) == 1);
  CHECK(ulp_distance(0.0f, -0.0) > 1e9);
  CHECK(ulp_distance(kNan, 1.0) > 1e9);
  CHECK(ulp_distance(1.0f, static_cast<double>(kNan)) > 1e9);
  CHECK(ulp_distance(kInf, 0x1.fffffep127) == 1);
  CHECK(ulp_distance(1e-45f, 0x1p-150) == 0.5);
}

TEST_CASE("exact arguments give exact results", "[math]") {
  const auto at = [](Op op, float x, float y = 0) { return evaluate_expansion(*expansion_of(op), x, y); };
  for (int n = -149; n <= 127; ++n) {
    const float power = std::ldexp(1.0f, n);
    CHECK(at(Op::Exp2, static_cast<float>(n)) == power);
    CHECK(at(Op::Log2, power) == static_cast<float>(n));
    CHECK(at(Op::Pow, 2.0f, static_cast<float>(n)) == power);
  }
  CHECK(at(Op::Exp, 0.0f) == 1);
  CHECK(at(Op::Log, 1.0f) == 0);
  CHECK(at(Op::Pow, 3.0f, 5.0f) == 243);
  CHECK(at(Op::Pow, -3.0f, 3.0f) == -27);
  CHECK(at(Op::Cos, 0.0f) == 1);
}

TEST_CASE("pow: C's special cases, and its accuracy", "[math]") {
  const Expansion& expansion = *expansion_of(Op::Pow);
  for (float x : kEdges)
    for (float y : kEdges) {
      const double exact = std::pow(static_cast<double>(x), static_cast<double>(y));
      const float found = evaluate_expansion(expansion, x, y);
      INFO(x << " ** " << y << " = " << found);
      const bool underflow = found == 0 && static_cast<float>(exact) == 0;
      CHECK((underflow ? std::signbit(found) == std::signbit(exact) : ulp_distance(found, exact) <= 1.1));
    }
  std::mt19937_64 random(7);
  double worst = 0;
  for (int i = 0; i < 400000; ++i) {
    const float x = std::fabs(i % 2 ? random_float(random) : 1 + std::ldexp(static_cast<float>(random() % 4096) - 2048.0f, -12));
    const float y = i % 3 ? std::ldexp(static_cast<float>(static_cast<std::int32_t>(random())), -static_cast<int>(random() % 40)) : random_float(random);
    const double exact = std::pow(static_cast<double>(x), static_cast<double>(y));
    const float found = evaluate_expansion(expansion, x, y);
    if (found == 0 && static_cast<float>(exact) == 0) continue;
    worst = std::max(worst, ulp_distance(found, exact));
  }
  CHECK(worst <= 1.1);
}

TEST_CASE("remainder and floor division equal their definitions, bit for bit", "[math]") {
  const auto check = [](float x, float y) {
    INFO(x << ", " << y);
    CHECK(same(evaluate_expansion(*expansion_of(Op::Mod), x, y), float_mod(x, y)));
    CHECK(same(evaluate_expansion(*expansion_of(Op::FloorDiv), x, y), float_floor_div(x, y)));
  };
  for (float x : kEdges)
    for (float y : kEdges) check(x, y);
  std::mt19937_64 random(11);
  for (int i = 0; i < 200000; ++i) {
    check(random_float(random), random_float(random));
    const float x = random_moderate(random), y = random_moderate(random);
    check(x, y);
    check(std::trunc(x), std::trunc(y));
  }
}

TEST_CASE("no step leaves its domain", "[math]") {
  std::mt19937_64 random(13);
  for (const Expansion* expansion : all_expansions()) {
    std::string violation;
    for (float x : kEdges)
      for (float y : kEdges)
        if (violation.empty()) violation = check_expansion(*expansion, x, y);
    for (int i = 0; i < 50000 && violation.empty(); ++i) violation = check_expansion(*expansion, random_float(random), random_float(random));
    CHECK(violation == "");
  }
}

TEST_CASE("loose tanh is never beyond 1, and 1 where it ends", "[math]") {
  const Expansion& expansion = *loose_expansion_of(Op::Tanh);
  // Up to 7 the promised error keeps it below 1: tanh(7) is 28 units less.
  std::vector<float> x, out;
  for (float at = 7; at < 8.01f; at = std::nextafter(at, 9.0f)) x.push_back(at);
  out.resize(x.size());
  evaluate_expansion(expansion, x, {}, out);
  CHECK(*std::max_element(out.begin(), out.end()) == 1);
  CHECK(out.back() == 1);
  for (float far : {8.01f, 9.0f, 20.0f, 1e30f, kInf}) {
    CHECK(evaluate_expansion(expansion, far) == 1);
    CHECK(evaluate_expansion(expansion, -far) == -1);
  }
}

TEST_CASE("the check of domains notices a wrong expansion", "[math]") {
  const auto broken = [](StepOp op, RegisterType type, std::int64_t right) {
    Expansion expansion{Op::Exp, 1, {}, 0};
    expansion.steps = {{StepOp::Constant, type, 0, {}, 1}, {StepOp::Constant, type, 0, {}, right}, {op, type, 2, {0, 1, 0}, 0}, {StepOp::Input, RegisterType::F32, 0, {}, 0}};
    expansion.result = 3;
    return check_expansion(expansion, 1.0f);
  };
  CHECK(broken(StepOp::ShlI, RegisterType::I32, 31) == "");
  CHECK(broken(StepOp::ShlI, RegisterType::I32, 32) != "");
  CHECK(broken(StepOp::ShrArithI, RegisterType::I64, -1) != "");
  CHECK(broken(StepOp::RemUnsignedI, RegisterType::I64, 0) != "");
  Expansion conversion{Op::Exp, 1, {{StepOp::Input, RegisterType::F32, 0, {}, 0}, {StepOp::I32OfF, RegisterType::I32, 1, {0, 0, 0}, 0}}, 0};
  CHECK(check_expansion(conversion, 3.0f) == "");
  CHECK(check_expansion(conversion, 0.5f) != "");
  CHECK(check_expansion(conversion, kNan) != "");
}

TEST_CASE("steps are typed and stand after what they read", "[math]") {
  for (const Expansion* recorded : all_expansions()) {
    const Expansion& expansion = *recorded;
    REQUIRE(expansion.result < expansion.steps.size());
    CHECK(expansion.steps[expansion.result].type == RegisterType::F32);
    for (std::size_t i = 0; i < expansion.steps.size(); ++i) {
      const Step& step = expansion.steps[i];
      for (int k = 0; k < step.operand_count; ++k) REQUIRE(step.operands[k] < i);
      const auto type_of = [&](int k) { return expansion.steps[step.operands[k]].type; };
      if (step.op == StepOp::Select) {
        CHECK(type_of(0) == RegisterType::Bool);
        CHECK((type_of(1) == step.type && type_of(2) == step.type));
      }
      if (step.op >= StepOp::AddF && step.op <= StepOp::LeF)
        for (int k = 0; k < step.operand_count; ++k) CHECK(type_of(k) == RegisterType::F32);
      if (step.op >= StepOp::AddI && step.op <= StepOp::RemUnsignedI) CHECK((type_of(0) == step.type && type_of(1) == step.type));
      if (step.op == StepOp::EqI || step.op == StepOp::LtI) CHECK(type_of(0) == type_of(1));
    }
  }
  CHECK(expansion_of(Op::Add) == nullptr);
  CHECK(expansion_of(Op::Floor) == nullptr);
  CHECK(loose_expansion_of(Op::Exp) == nullptr);
}

TEST_CASE("many points at once give the bits of one at a time", "[math]") {
  std::mt19937_64 random(17);
  std::vector<float> x(1000), y(1000), out(1000);
  for (float& value : x) value = random_float(random);
  for (float& value : y) value = random_moderate(random);
  for (Op op : expanded_functions()) {
    evaluate_expansion(*expansion_of(op), x, y, out);
    bool equal = true;
    for (std::size_t i = 0; i < x.size(); ++i) equal &= same(out[i], evaluate_expansion(*expansion_of(op), x[i], y[i]));
    CHECK(equal);
  }
}

TEST_CASE("docs/math_expansions.txt is the table", "[math]") {
  std::ostringstream text;
  for (Op op : expanded_functions()) text << name_of(op) << ":\n" << print_expansion(*expansion_of(op)) << "\n";
  for (Op op : loosely_expanded_functions()) text << "loose " << name_of(op) << ":\n" << print_expansion(*loose_expansion_of(op)) << "\n";
  std::ifstream file(std::string(FLEXC_SOURCE_DIR) + "/docs/math_expansions.txt");
  std::ostringstream approved;
  approved << file.rdbuf();
  // Every back end's bits follow from this list. After a deliberate change: print_math > docs/math_expansions.txt.
  CHECK(text.str() == approved.str());
}
