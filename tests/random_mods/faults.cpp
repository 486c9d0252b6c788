#include "tests/random_mods/faults.h"

#include <array>
#include <cctype>
#include <iterator>
#include <set>
#include <string_view>

namespace random_mods {
namespace {

struct Fault {
  const char *name, *function, *wrong;
};
constexpr Fault kFaults[] = {
    {"", "", ""},
#define FLEXC_FAULT(name, function, wrong) {#name, #function, #wrong},
#include "tests/random_mods/faults.def"
#undef FLEXC_FAULT
};

constexpr std::string_view kIncludes = "#include \"tests/hooks/host_entry.h\"\n";

/// What the wrong functions are written with.
constexpr std::string_view kPrelude = R"(
extern "C" int flexc_planted_fault;
int flexc_planted_fault = 0;
namespace flexc::mods::planted {
template <class A, class... B> A first(A a, B...) { return a; }
template <class A, class B, class... C> B second(A, B b, C...) { return b; }
template <class A, class B, class C> C third(A, B, C c) { return c; }
inline float next(float x) { return is_nan(x) || is_inf(x) || x == 0.0f ? x : float_of(bits_of(x) + 1u); }
inline bool is_count(i64 n) { return n >= 0 && n < 64; }
template <class R, class A, class B> R truncated(R right, A a, B b) { return b == 0 || b == -1 ? right : static_cast<R>(a / b); }
template <class R, class A> R truncated(R right, A a, const Divisor& b) { return b.divisor == 0 || b.divisor == -1 ? right : static_cast<R>(a / b.divisor); }
template <class R, class A, class B> R dividend_rest(R right, A a, B b) { return b == 0 || b == -1 ? right : static_cast<R>(a % b); }
template <class R, class A> R dividend_rest(R right, A a, const Divisor& b) { return b.divisor == 0 || b.divisor == -1 ? right : static_cast<R>(a % b.divisor); }
template <int kRank, class... I> bool any_negative(const Capture<kRank>&, I... i) { return (false || ... || (i < 0)); }
template <int kRank, class... I> float clamped(float right, const Capture<kRank>& c, I... i) {
  if (element_of(c, i...).is_inside) return right;
  if constexpr (kRank > 0) for (int axis = 0; axis < kRank; ++axis) if (c.sizes[axis] == 0) return right;
  return static_cast<const float*>(c.data)[0];
}
inline float toward_zero(float right, i64 a) {
  const double exact = static_cast<double>(a), rounded = static_cast<double>(right);
  return (rounded > exact && exact > 0) || (rounded < exact && exact < 0) ? float_of(bits_of(right) - 1u) : right;
}
}  // namespace flexc::mods::planted
)";

bool is_part_of_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// Calls of `function` become calls of the wrong one; its name alone, or as the end of another's, stays.
void redirect(std::string& text, std::size_t from, const std::string& function) {
  const std::string call = function + "(";
  for (std::size_t at = text.find(call, from); at != std::string::npos; at = text.find(call, at + call.size() + 7)) {
    if (!is_part_of_name(text[at - 1])) text.insert(at, "faulty_");
  }
}

}  // namespace

const int kFaultCount = static_cast<int>(std::size(kFaults));

const char* fault_name(int fault) { return kFaults[fault].name; }

std::string fault_call(int fault) { return std::string(kFaults[fault].function) + "("; }

void plant_faults(std::string& text) {
  std::string prelude(kPrelude);
  std::set<std::string> functions;
  for (const Fault& fault : kFaults)
    if (*fault.function != '\0') functions.insert(fault.function);
  prelude += "namespace flexc::mods {\nusing namespace planted;\n";
  for (const std::string& function : functions) {
    prelude += "template <class... A> auto faulty_" + function + "(const A&... a) {\n  const auto right = " + function + "(a...);\n  using R = decltype(" + function +
               "(a...));\n  switch (flexc_planted_fault) {\n";
    for (std::size_t i = 1; i < std::size(kFaults); ++i)
      if (kFaults[i].function == function) prelude += "    case " + std::to_string(i) + ": return static_cast<R>(" + kFaults[i].wrong + ");\n";
    prelude += "    default: return static_cast<R>(right);\n  }\n}\n";
  }
  prelude += "}  // namespace flexc::mods\n";

  const std::size_t begin = text.find(kIncludes) + kIncludes.size();
  for (const std::string& function : functions) redirect(text, begin, function);
  text.insert(begin, prelude);
}

}  // namespace random_mods
