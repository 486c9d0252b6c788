// Bytes drive a grammar of mostly valid programs, which are elaborated and evaluated at extreme positions: no crash, no undefined
// behaviour, the same value twice, and the same normal form under other names.
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flexc/dsl/evaluate.h"
#include "tests/fuzz/front_end.h"

namespace {

using flexc::fuzz::require;
using Templates = std::span<const std::string_view>;

// Placeholders: %i an integer, %b a boolean, %f a float, %r a row, %k an integer literal, %d a float literal. The first few of each list are
// leaves: they are all that is used at the bottom.
constexpr std::string_view kIntegers[] = {"q_idx", "kv_idx", "b", "h", "%k", "x", "Q", "KV", "H", "p", "n",
    "(%i + %i)", "(%i - %i)", "(%i * %i)", "(%i // %i)", "(%i % %i)", "(%i << %i)", "(%i >> %i)", "(%i & %i)", "(%i | %i)", "(%i ^ %i)", "(-%i)",
    "(~%i)", "abs(%i)", "sign(%i)", "min(%i, %i)", "max(%i, %i, %i)", "clamp(%i, %i, %i)", "%i.clamp(min=%i)", "int(%f)", "%f.to(torch.int32)", "(%i).to(int32)",
    "(%i if %b else %i)", "where(%b, %i, %i)", "t[%i]", "m[%i, %i]", "m[%i][%i]", "u[%i]", "(%b + %b)", "%i ** 3", "f(%i, %i)", "f(%i)", "square(%i)", "t.shape[0]",
    "sum(m[%i])", "dot(m[%i], m[%i])", "max(m[%i])", "z", "(lambda y: y * %i)(%i)"};
constexpr std::size_t kIntegerLeaves = 11;
constexpr std::string_view kBooleans[] = {"True", "c", "w[h]", "(q_idx >= kv_idx)", "False",
    "(%i < %i)", "(%i == %i)", "(%i >= %i > %i)", "(%f < %f)", "(%f != %f)", "(%b & %b)", "(%b | %b)", "(%b ^ %b)", "(%b and %b)", "(%b or %b)", "(not %b)",
    "(~%b)", "(%b == %b)", "isnan(%f)", "isinf(%f)", "bool(%i)", "bool(%f)", "logical_xor(%b, %b)", "(%b if %b else %b)", "w[%i]", "logical_not(%b)"};
constexpr std::size_t kBooleanLeaves = 5;
constexpr std::string_view kFloats[] = {"s", "y", "%d", "g", "inf", "nan", "float('-inf')",
    "(%f + %f)", "(%f - %f)", "(%f * %f)", "(%f / %f)", "(%i / %i)", "(%f // %f)", "(%f % %f)", "(%f ** %f)", "%i ** %i", "(-%f)", "abs(%f)", "sign(%f)", "min(%f, %i)",
    "max(%f, %f)", "clamp(%f, %f, %f)", "floor(%f)", "ceil(%f)", "round(%f)", "exp(%f)", "exp2(%f)", "expm1(%f)", "log(%f)", "log2(%f)", "log1p(%f)", "sqrt(%f)",
    "rsqrt(%f)", "sin(%f)", "cos(%f)", "tan(%f)", "tanh(%f)", "sigmoid(%f)", "erf(%f)", "pow(%f, %i)", "float(%i)", "%i.float()", "(%f if %b else %f)", "where(%b, %f, %i)",
    "e[%i]", "r[%i][%i]", "sum(%r)", "dot(%r, %r)", "min(%r)", "max(%r)", "%r.pow(2).sum(-1).sqrt()", "F.silu(%f)", "F.gelu(%f)", "F.softplus(%f)", "F.relu(%f)"};
constexpr std::size_t kFloatLeaves = 7;
constexpr std::string_view kRows[] = {"r[h]", "r[%i]", "(%r + %r)", "(%r - %r)", "(%r * %r)", "(%r * %f)", "(%i - %r)", "(%r / %r)", "exp(%r)", "abs(%r)", "round(%r)",
    "where(%b, %r, %r)", "(%r // %f)", "tanh(%r)", "minimum(%r, %r)"};
constexpr std::size_t kRowLeaves = 1;
constexpr std::string_view kIntegerLiterals[] = {"0", "1", "2", "3", "7", "63", "64", "-1", "0xFF", "2147483648", "9223372036854775807", "(-9223372036854775807 - 1)", "1_000"};
constexpr std::string_view kFloatLiterals[] = {"0.5", "1.0", "-0.0", "0.0", "1e-45", "1e38", "3.5e38", "2.5", "9.3e18", "-1e30", "0.1"};
// One line each; a header takes an indented block.
constexpr std::string_view kStatements[] = {"x = %i", "y = %f", "c = %b", "x += %i", "y *= %f", "x, c = %i, %b", "if %b:", "for z in range(3):", "x = f(%i)", "x //= %i", "y = %f", "else:",
                                            "pass", "RETURN"};
constexpr std::string_view kHeader =
    "tensor t: i64[n]\ntensor u: u8[n2]\ntensor m: i32[n, 4]\ntensor r: f32[n3, 4]\ntensor e: f32[n]\ntensor w: bool[n]\nparam p: i32 = 3\nparam g: f32 = 0.25\n"
    "def f(x, y=2):\n    if x > y:\n        return x - y\n    return x * 3\n";

class Generator {
 public:
  Generator(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  std::string program() {
    std::string text(kHeader);
    text += "def score_mod(s, b, h, q_idx, kv_idx):\n    x = q_idx\n    y = s\n    c = q_idx > kv_idx\n    z = 1\n";
    block(text, 1, 6, "%f");
    text += "    return " + expand("%f", 4) + "\ndef mask_mod(b, h, q_idx, kv_idx):\n    x = kv_idx\n    y = 0.5\n    s = 1.5\n    c = h > 0\n    z = 2\n";
    block(text, 1, 6, "%b");
    text += "    return " + expand("%b", 4) + "\n";
    return text;
  }

 private:
  std::size_t below(std::size_t bound) { return at_ < size_ ? data_[at_++] % bound : 0; }

  std::string expand(std::string_view form, int depth) {
    std::string out;
    for (std::size_t i = 0; i < form.size(); ++i) {
      if (form[i] != '%' || i + 1 == form.size() || form[i + 1] == ' ') {
        out += form[i];
        continue;
      }
      out += choose(form[++i], depth);
    }
    return out;
  }

  std::string choose(char kind, int depth) {
    if (kind == 'k') return std::string(kIntegerLiterals[below(std::size(kIntegerLiterals))]);
    if (kind == 'd') return std::string(kFloatLiterals[below(std::size(kFloatLiterals))]);
    const Templates all = kind == 'i' ? Templates(kIntegers) : kind == 'b' ? Templates(kBooleans) : kind == 'f' ? Templates(kFloats) : Templates(kRows);
    const std::size_t leaves = kind == 'i' ? kIntegerLeaves : kind == 'b' ? kBooleanLeaves : kind == 'f' ? kFloatLeaves : kRowLeaves;
    // Bounded in breadth too: what the bytes do not pay for is a leaf.
    const bool leaf = depth <= 0 || at_ >= size_;
    return expand(all[below(leaf ? leaves : all.size())], depth - 1);
  }

  void block(std::string& text, int indent, std::size_t most, std::string_view result) {
    const std::string margin(static_cast<std::size_t>(indent) * 4, ' ');
    const std::size_t count = below(most);
    bool after_if = false;
    for (std::size_t i = 0; i < count; ++i) {
      std::string_view form = kStatements[below(std::size(kStatements))];
      if (form == "else:" && !after_if) form = "pass";
      if (form == "RETURN") {
        text += margin + "if " + expand("%b", 2) + ":\n" + margin + "    return " + expand(result, 2) + "\n";
        after_if = false;
        continue;
      }
      text += margin + expand(form, 3) + "\n";
      after_if = form == "if %b:";
      if (form.back() == ':') {
        text += margin + "    pass\n";
        if (indent < 4) block(text, indent + 1, 3, result);
      }
    }
  }

  const std::uint8_t* data_;
  std::size_t size_, at_ = 0;
};

/// Captures with extreme contents, of the sizes that the header declares.
struct Data {
  std::int64_t t[5] = {0, -1, std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min(), 3};
  std::uint8_t u[3] = {0, 255, 7};
  std::int32_t m[20] = {1, -1, 2147483647, -2147483647 - 1, 0, 5};
  float r[8] = {1, -1, 0.5f, 1e38f, -0.0f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN(), 1e-45f};
  float e[5] = {0, -2.5f, 3.4e38f, 0.1f, -1e-40f};
  std::uint8_t w[5] = {1, 0, 1, 0, 0};
};

bool same(double a, double b) { return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b) || (a != a && b != b); }

void evaluate(const flexc::dsl::NormalForm& form) {
  static const Data data;
  flexc::dsl::Environment environment;
  environment.problem = {2, 3, 1, 100, 200};
  for (const auto& info : form.captures) {
    const std::string_view name = info.name;
    using flexc::TensorView;
    environment.captures.push_back(name == "t"   ? TensorView(data.t, flexc::i64, {5})
                                   : name == "u" ? TensorView(data.u, flexc::u8, {3})
                                   : name == "m" ? TensorView(data.m, flexc::i32, {5, 4})
                                   : name == "r" ? TensorView(data.r, flexc::f32, {2, 4})
                                   : name == "e" ? TensorView(data.e, flexc::f32, {5})
                                                 : TensorView(data.w, flexc::boolean, {5}));
  }
  for (const auto& info : form.params) environment.params.push_back({.integer = info.default_integer.value_or(0), .real = info.default_float.value_or(0)});
  const auto fresh = flexc::dsl::bind_dims(form, environment);
  if (!fresh) return;
  constexpr std::int64_t kPositions[] = {0, 1, 17, -1, 1 << 30, std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()};
  for (const std::int64_t q : kPositions) {
    for (const std::int64_t k : {std::int64_t{0}, std::int64_t{5}, std::numeric_limits<std::int64_t>::max()}) {
      if (form.score) {
        flexc::dsl::Evaluator first(*form.score, form, environment, *fresh), second(*form.score, form, environment, *fresh);
        for (const double score : {0.75, -1e300, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
          require(same(first.score(score, 1, 2, q, k), second.score(score, 1, 2, q, k)));
      }
      if (form.mask) {
        flexc::dsl::Evaluator first(*form.mask, form, environment, *fresh), second(*form.mask, form, environment, *fresh);
        require(first.mask(0, 1, q, k) == second.mask(0, 1, q, k));
      }
    }
  }
}

/// The capture e renamed: the normal form knows no names.
std::string renamed(std::string text) {
  for (std::size_t at = 0; (at = text.find("e[", at)) != std::string::npos; at += 2) {
    const bool whole = at == 0 || !(std::isalnum(static_cast<unsigned char>(text[at - 1])) || text[at - 1] == '_');
    if (whole) text.replace(at, 1, "other");
  }
  const std::size_t declared = text.find("tensor e:");
  if (declared != std::string::npos) text.replace(declared + 7, 1, "other");
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text = Generator(data, size).program();
  const auto outcome = flexc::fuzz::run_front_end({flexc::Source{"grammar.flex", text}}, false);
  if (!outcome.form) return 0;
  const auto other = flexc::fuzz::run_front_end({flexc::Source{"grammar.flex", renamed(text)}}, false);
  require(other.form && other.form->text == outcome.form->text && other.form->hash == outcome.form->hash);
  evaluate(*outcome.form);
  return 0;
}
