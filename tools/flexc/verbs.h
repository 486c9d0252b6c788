// The verbs: each adds itself to the parser, and runs once the command line has been parsed.
#pragma once

#include <memory>

#include "tools/flexc/command_line.h"

namespace flexc::cli {

class Verb {
 public:
  virtual ~Verb() = default;
  /// Checks what the parser could not, then works. Returns an exit code, or throws Failure or VariantFailure.
  virtual int run() = 0;
  CLI::App* app = nullptr;
};

std::unique_ptr<Verb> add_run_verb(CLI::App& parent);
std::unique_ptr<Verb> add_bench_verb(CLI::App& parent);
std::unique_ptr<Verb> add_check_verb(CLI::App& parent);
std::unique_ptr<Verb> add_emit_verb(CLI::App& parent);
std::unique_ptr<Verb> add_explain_verb(CLI::App& parent);
std::unique_ptr<Verb> add_mask_verb(CLI::App& parent);
std::unique_ptr<Verb> add_gallery_verb(CLI::App& parent);
std::unique_ptr<Verb> add_cache_verb(CLI::App& app);
std::unique_ptr<Verb> add_compile_verb(CLI::App& parent);
std::unique_ptr<Verb> add_doctor_verb(CLI::App& parent);

}  // namespace flexc::cli
