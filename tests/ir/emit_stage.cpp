// Prints a stage of a variant: emit_stage STAGE (FILE.flex | NAME of a gallery entry) [v3|v4] [wide] [locations]. For lit and for comparing stages.
// emit_stage cuda-each FILE…: the CUDA of each, ended by a form feed; nothing before it for a file with errors.
#include <fstream>
#include <iostream>
#include <span>
#include <sstream>

#include "compiler/stages.h"
#include "tests/ir/normal_form_of.h"

namespace {

int emit_each(int count, char** files) {
  using namespace flexc;
  for (int i = 0; i < count; ++i) {
    std::string error;
    if (const auto form = normal_form_of(files[i], error)) {
      const auto hooks = compiler::emit_cuda_hooks(*form, {});
      if (!hooks) {
        std::cerr << "emit_stage: " << hooks.error().message << "\n";
        return 1;
      }
      std::cout << hooks->text;
    }
    std::cout << '\f';
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace flexc;
  if (argc > 2 && std::string_view(argv[1]) == "cuda-each") return emit_each(argc - 2, argv + 2);
  if (argc < 3 || argc > 6) {
    std::cerr << "usage: emit_stage STAGE VARIANT [v3|v4] [wide] [locations]\n";
    return 2;
  }
  std::string error;
  const auto form = normal_form_of(argv[2], error);
  if (!form) {
    std::cerr << error;
    return 1;
  }
  if (std::string_view(argv[1]) == "cuda") {
    const auto hooks = compiler::emit_cuda_hooks(*form, {find_gallery_entry(argv[2]) ? argv[2] : "", {}});
    if (!hooks) {
      std::cerr << "emit_stage: " << hooks.error().message << "\n";
      return 1;
    }
    std::cout << hooks->text;
    return 0;
  }
  std::optional<compiler::CpuLevel> level;
  compiler::Member member = compiler::Member::Narrow;
  bool locations = false;
  for (const std::string_view option : std::span(argv, static_cast<std::size_t>(argc)).subspan(3)) {
    if (option == "wide") member = compiler::Member::Wide;
    else if (option == "locations") locations = true;
    else level = option == "v4" ? compiler::CpuLevel::X86_64_v4 : compiler::CpuLevel::X86_64_v3;
  }
  const auto text = compiler::emit_stage(*form, argv[1], level, member, locations);
  if (!text) {
    std::cerr << "emit_stage: " << text.error().message << "\n";
    return 1;
  }
  std::cout << *text;
  return 0;
}
