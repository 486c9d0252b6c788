#include "compiler/emit/cuda/gemm_source.h"

namespace flexc::compiler::cuda {
namespace {

constexpr unsigned kOperandsPerLine = 16;

std::string number(unsigned value) { return std::to_string(value); }

/// `{%first, …}`: registers of an asm statement, as adjacent string literals of a macro's body.
std::string register_list(unsigned first, unsigned count) {
  std::string text = "\"{";
  for (unsigned i = 0; i < count; ++i) {
    if (i != 0) text += i % kOperandsPerLine == 0 ? ",\" \\\n  \"" : ",";
    text += "%" + number(first + i);
  }
  return text + "}\"";
}

/// `"+f"(name[0]), …`: the same registers as operands.
std::string operand_list(const std::string& constraint, const std::string& name, unsigned count) {
  std::string text;
  for (unsigned i = 0; i < count; ++i) {
    if (i != 0) text += i % (kOperandsPerLine / 2) == 0 ? ",\n        " : ", ";
    text += "\"" + constraint + "\"(" + name + "[" + number(i) + "])";
  }
  return text;
}

std::string instruction(const GemmShape& shape, unsigned width) {
  const std::string type = shape.element == device::Element::kBf16 ? "bf16" : "f16";
  return "wgmma.mma_async.sync.aligned.m64n" + number(width) + "k16.f32." + type + "." + type + " ";
}

std::string assertion(const GemmShape& shape, const std::string& function) {
  const std::string element = shape.element == device::Element::kBf16 ? "kBf16" : "kF16";
  return "  static_assert(Config::kElement == Element::" + element + " && Config::kM == " + number(shape.m) + " && Config::kN == " + number(shape.n) +
         " && Config::kD == " + number(shape.d) + " && Config::kDV == " + number(shape.dv) + ", \"" + function +
         " was printed for another tile\");\n";
}

/// `{output0, …}`: the registers that the output accumulates in.
std::string output_list(unsigned count) {
  std::string text = "\"{";
  for (unsigned i = 0; i < count; ++i) {
    if (i != 0) text += i % kOperandsPerLine == 0 ? ",\" \\\n  \"" : ",";
    text += "output" + number(i);
  }
  return text + "}\"";
}

/// A function template whose body are the lines, on the output.
std::string output_function(const std::string& name, const std::string& parameters, const std::string& body) {
  return "template <class Config>\nFLEXC_DEVICE void " + name + "(" + parameters + ") {\n" + body + "}\n";
}

/// One asm statement with an instruction for each element of the output, as `instruction_of` prints it.
template <class InstructionOf>
std::string for_each_output(unsigned count, const InstructionOf& instruction_of, const std::string& operands) {
  std::string text = "  asm volatile(";
  for (unsigned i = 0; i < count; ++i) {
    if (i % 4 == 0) text += std::string(i == 0 ? "" : "\"") + "\n      \"";
    text += instruction_of(i) + " ";
  }
  return text + "\"" + operands + ");\n";
}

/// A word of the output for 16-bit stores: elements 2 word and 2 word + 1 times %1, packed, and cut to the bits of %2.
std::string pack_word(const GemmShape& shape, unsigned word) {
  const std::string packed = shape.element == device::Element::kBf16 ? "bf16x2" : "f16x2";
  return "\"{\\n\\t.reg .f32 low, high;\\n\\tmul.rn.f32 low, output" + number(2 * word) + ", %1;\\n\\tmul.rn.f32 high, output" + number(2 * word + 1) + ", %1;\\n\\t\"\n      \"cvt.rn." +
         packed + ".f32 %0, high, low;\\n\\tand.b32 %0, %0, %2;\\n\\t}\"";
}

/// What is done with the output beside the product: declared, cleared, scaled by rows, packed, left as it is in memory.
std::string output_source(const GemmShape& shape) {
  const unsigned outputs = shape.dv / 2;
  const std::string unused = "float (&)[Config::kOutputs]", read = "const float (&)[Config::kOutputs]";
  const auto element = [](unsigned i) { return "output" + number(i); };
  std::string words;
  for (unsigned word = 0; word < outputs / 2; ++word) {
    const std::string row = word % 2 == 0 ? "first" : "second";
    words += "  asm volatile(" + pack_word(shape, word) + " : \"=r\"(words[" + number(word) + "]) : \"f\"(" + row + "), \"r\"(keep_" + row + "));\n";
  }
  std::string quads = "  asm volatile(";
  for (unsigned i = 0; i < outputs; i += 4)
    quads += "\n      \"st.global.v4.f32 [%0+" + number(i / 4 * device::kWarpQuadBytes) + "], {" + element(i) + "," + element(i + 1) + "," + element(i + 2) + "," + element(i + 3) + "};\\n\\t\"";
  quads += "\n      :\n      : \"l\"(to)\n      : \"memory\");\n";
  return output_function("declare_output", "", "  asm volatile(\".reg .f32 output<" + number(outputs) + ">;\");\n") +
         output_function("clear_output", unused, for_each_output(outputs, [&](unsigned i) { return "mov.f32 " + element(i) + ", 0f00000000;"; }, "")) +
         output_function("scale_output", "float first, float second, " + unused,
                         for_each_output(outputs, [&](unsigned i) { return "mul.rn.f32 " + element(i) + ", " + element(i) + ", %" + number(i / 2 % 2) + ";"; },
                                         "\n      :\n      : \"f\"(first), \"f\"(second)")) +
         output_function("pack_output", "float first, float second, u32 keep_first, u32 keep_second, " + read + ", u32 (&words)[Config::kOutputs / 2]", words) +
         output_function("store_output", "void* to, " + read, quads);
}

std::string qk_source(const GemmShape& shape) {
  const unsigned scores = shape.n / 2;
  const std::string q = "%" + number(scores), k = "%" + number(scores + 1);
  const unsigned steps = shape.d / device::kGemmK;
  std::string text = "#define FLEXC_SCORES " + register_list(0, scores) + "\n";
  text +=
      "template <class Config>\nFLEXC_DEVICE void qk_gemm(Site, float (&scores)[Config::kScores], u64 q, u64 k) {\n" + assertion(shape, "qk_gemm");
  text += "  asm volatile(\n      \"{\\n\\t.reg .pred zero;\\n\\t.reg .b64 a, b;\\n\\tsetp.ne.u32 zero, 0, 0;\\n\\t\"\n";
  for (unsigned step = 0; step < steps; ++step) {
    const unsigned a = device::qk_descriptor_step(shape.m * device::kPanelRowBytes, step);
    const unsigned b = device::qk_descriptor_step(shape.n * device::kPanelRowBytes, step);
    if (step == 0) {
      text += "      \"" + instruction(shape, shape.n) + "\" FLEXC_SCORES \", " + q + ", " + k + ", zero, 1, 1, 0, 0;\\n\\t\"\n";
      continue;
    }
    text += "      \"add.u64 a, " + q + ", " + number(a) + ";\\n\\tadd.u64 b, " + k + ", " + number(b) + ";\\n\\t\"\n";
    text += "      \"" + instruction(shape, shape.n) + "\" FLEXC_SCORES \", a, b, 1, 1, 1, 0, 0;\\n\\t\"\n";
  }
  text +=
      "      \"}\"\n      : " + operand_list("=f", "scores", scores) + "\n      : \"l\"(q), \"l\"(k)\n      : \"memory\");\n}\n#undef FLEXC_SCORES\n";
  return text;
}

std::string pv_source(const GemmShape& shape) {
  const unsigned outputs = shape.dv / 2, packed = shape.n / 4;
  const std::string v = "%" + number(packed);
  const unsigned steps = shape.n / device::kGemmK;
  std::string text = "#define FLEXC_OUTPUT " + output_list(outputs) + "\n";
  text +=
      "template <class Config>\nFLEXC_DEVICE void pv_gemm(Site, float (&)[Config::kOutputs], const u32 (&packed)[Config::kPacked], u64 v) {\n" +
      assertion(shape, "pv_gemm");
  text += "  asm volatile(\n      \"{\\n\\t.reg .b64 b;\\n\\t\"\n";
  for (unsigned step = 0; step < steps; ++step) {
    const unsigned first = 4 * step;
    const std::string a = "{%" + number(first) + ",%" + number(first + 1) + ",%" + number(first + 2) + ",%" + number(first + 3) + "}";
    const unsigned b = device::pv_descriptor_step(step);
    if (b != 0) text += "      \"add.u64 b, " + v + ", " + number(b) + ";\\n\\t\"\n";
    text +=
        "      \"" + instruction(shape, shape.dv) + "\" FLEXC_OUTPUT \", " + a + ", " + (b == 0 ? v : std::string("b")) + ", 1, 1, 1, 1;\\n\\t\"\n";
  }
  text += "      \"}\"\n      :\n      : " + operand_list("r", "packed", packed) +
          ",\n        \"l\"(v)\n      : \"memory\");\n}\n#undef FLEXC_OUTPUT\n";
  return text;
}

}  // namespace

std::string gemm_source(const GemmShape& shape) {
  return "namespace flexc::device {\n\n" + qk_source(shape) + "\n" + output_source(shape) + "\n" + pv_source(shape) + "\n}  // namespace flexc::device\n";
}

}  // namespace flexc::compiler::cuda
