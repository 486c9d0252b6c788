#include "tests/tile/random_mask_text.h"

#include <random>
#include <vector>

namespace flexc {
namespace {

class Writer {
 public:
  explicit Writer(std::uint64_t seed) : random_(seed) {}

  std::string run() {
    std::string text =
        "tensor sorted: i32[n0]\ntensor mixed: i64[n1]\ntensor values: f32[n2]\ntensor flags: bool[n3]\ntensor grid: i32[n4, n5]\ntensor starts: i32[n6]\n"
        "param reach: i32 = 9\nparam factor: f32 = 0.5\n\n";
    // Factories and helpers, then the mask that calls them.
    names_ = {"at", "other"};
    text += "def helper(at, other):\n    return " + integer(2) + "\n\n";
    text += "def related(width):\n    def keep(at, other):\n        return " + condition(2) + "\n    return keep\n\n";
    has_helpers_ = true;
    names_ = {"q_idx", "kv_idx", "q_idx", "kv_idx", "b", "h"};
    text += "def mask_mod(b, h, q_idx, kv_idx):\n    x = " + integer(2) + "\n";
    names_.push_back("x");
    if (chance(3)) text += "    if " + condition(1) + ":\n        return " + condition(2) + "\n";
    return text + "    return " + condition(static_cast<int>(draw(1, 3))) + "\n";
  }

 private:
  std::int64_t draw(std::int64_t low, std::int64_t high) { return std::uniform_int_distribution<std::int64_t>(low, high)(random_); }
  bool chance(int one_in) { return draw(1, one_in) == 1; }
  template <std::size_t n>
  std::string pick(const char* const (&values)[n]) { return values[draw(0, n - 1)]; }
  std::string name() { return names_[static_cast<std::size_t>(draw(0, static_cast<std::int64_t>(names_.size()) - 1))]; }
  std::string small() { return std::to_string(draw(1, 12)); }
  std::string row() { return names_[0]; }
  std::string column() { return names_[1]; }

  std::string integer(int depth) {
    if (depth == 0) return chance(4) ? std::to_string(draw(-20, 40)) : chance(6) ? "reach" : chance(12) ? "Q" : name();
    const auto inner = [&] { return integer(depth - 1); };
    switch (draw(0, 13)) {
      case 0: case 1: return "(" + inner() + " - " + inner() + ")";
      case 2: return "(" + inner() + " + " + inner() + ")";
      case 3: return "(" + inner() + " * " + small() + ")";
      case 4: return "(" + inner() + " // " + (chance(5) ? inner() : small()) + ")";
      case 5: return "(" + inner() + " % " + (chance(5) ? inner() : small()) + ")";
      case 6: return "abs(" + inner() + ")";
      case 7: return (chance(2) ? "min(" : "max(") + inner() + ", " + inner() + ")";
      case 8: return "torch.where(" + condition(depth - 1) + ", " + inner() + ", " + inner() + ")";
      case 9: return "(" + inner() + (chance(3) ? " & " : chance(2) ? " ^ " : " >> ") + small() + ")";
      case 10: return (chance(2) ? "sorted[" : "mixed[") + inner() + "]";
      case 11: return "grid[" + inner() + ", " + inner() + "]";
      case 12: return has_helpers_ ? "helper(" + inner() + ", " + inner() + ")" : inner();
      default: return "int(" + real(depth - 1) + ")";
    }
  }

  std::string real(int depth) {
    if (depth <= 0) return chance(3) ? "factor" : chance(2) ? "values[" + name() + "]" : "float(" + name() + ")";
    switch (draw(0, 4)) {
      case 0: return "(" + real(depth - 1) + " * factor)";
      case 1: return "(" + real(depth - 1) + " - " + real(depth - 1) + ")";
      case 2: return pick({"exp", "tanh", "sqrt", "floor", "sigmoid", "log1p"}) + "(" + real(depth - 1) + ")";
      case 3: return "(" + real(depth - 1) + " / " + real(depth - 1) + ")";
      default: return "float(" + integer(depth - 1) + ")";
    }
  }

  std::string condition(int depth) {
    if (depth <= 0) {
      switch (draw(0, 8)) {
        case 0: return "(" + row() + " >= " + column() + ")";
        case 1: return "(" + row() + " - " + column() + " <= " + (chance(2) ? "reach" : small()) + ")";
        case 2: return "(abs(" + row() + " - " + column() + ") < " + small() + ")";
        case 3: return "(sorted[" + row() + "] == sorted[" + column() + "])";
        case 4: return "(mixed[" + row() + "] == mixed[" + column() + "])";
        case 5: return "(sorted[" + row() + "] == sorted[" + column() + "]) & (" + row() + " - starts[sorted[" + row() + "]] >= " + column() + " - starts[sorted[" + column() + "]])";
        case 6: return "flags[" + name() + "]";
        case 7: return "(" + row() + " // " + small() + " == " + column() + " // " + small() + ")";
        default: return "(" + integer(1) + pick({" < ", " <= ", " == ", " != ", " > "}) + integer(1) + ")";
      }
    }
    const auto inner = [&] { return "(" + condition(depth - 1) + ")"; };
    switch (draw(0, 7)) {
      case 0: case 1: return inner() + " & " + inner();
      case 2: return inner() + " | " + inner();
      case 3: return "~" + inner();
      case 4: return "torch.where(" + inner() + ", " + inner() + ", " + inner() + ")";
      case 5: return "(" + real(depth - 1) + pick({" < ", " >= ", " != "}) + real(depth - 1) + ")";
      case 6: return has_helpers_ ? "related(" + small() + ")(" + integer(1) + ", " + integer(1) + ")" : inner() + " and " + inner();
      default: return "not " + inner() + " or " + inner();
    }
  }

  std::mt19937_64 random_;
  std::vector<std::string> names_;
  bool has_helpers_ = false;
};

}  // namespace

std::string random_mask_text(std::uint64_t seed) { return Writer(seed).run(); }

}  // namespace flexc
