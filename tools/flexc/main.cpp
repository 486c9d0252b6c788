// The flexc command: parses the command line, runs one verb, and turns whatever happens into an exit code.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <new>
#include <stdexcept>

#include <fmt/format.h>

#include "flexc/environment.h"
#include "flexc/gallery.h"
#include "tools/flexc/failure.h"
#include "tools/flexc/output.h"
#include "tools/flexc/verbs.h"

namespace flexc::cli {
namespace {

constexpr const char* kFooter =
    "Exit codes: 0 done, 1 the input is at fault (variant, tensors, files), 2 usage, 3 the environment lacks something, 70 a bug in flexc.\n\n"
    "Examples:\n"
    "  flexc run causal --random 1,8,8,512,512,64,64\n"
    "  flexc bench causal --random 1,8,8,1024,1024,64,64\n"
    "  flexc check my.flex\n"
    "  flexc mask sliding_window --shape 1,1,4096,4096 --param window=512\n"
    "  flexc explain document\n"
    "  flexc compile causal alibi --dtype f32,bf16 --head-dim 64,128 -o attention.flexb\n"
    "  flexc gallery list\n"
    "`flexc VERB --help` says more about each verb.";

/// The verb that was parsed, its own verb if it has some, else the whole command.
const CLI::App& innermost(const CLI::App& app) {
  const auto verbs = app.get_subcommands();
  return verbs.empty() ? app : innermost(*verbs.front());
}

/// The parser's other objections in our words.
std::string reword(const CLI::ParseError& error, const CLI::App& app) {
  const std::string text = error.what();
  const std::string option = text.substr(0, text.find(':'));
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ArgumentMismatch)) return fmt::format("{} {}", option, text.find("At Most") != std::string::npos ? "is given twice" : "needs a value");
  if (text.find("subcommand is required") == std::string::npos) return text;
  std::string names;
  for (const CLI::App* verb : innermost(app).get_subcommands({})) names += (names.empty() ? "" : ", ") + verb->get_name();
  return "expected one of: " + names;
}

/// What the parser objects to, with "did you mean" for options.
std::string explain(const CLI::ParseError& error, const CLI::App& app) {
  const std::vector<std::string> extras = app.remaining(true);
  if (extras.empty()) return reword(error, app);
  // An unknown option comes with its value: the option is what to speak of.
  const auto option = std::ranges::find_if(extras, [](const std::string& text) { return text.starts_with('-'); });
  if (option == extras.end()) {
    // Somebody wrote `--param window 64`, most likely.
    const bool binds = innermost(app).get_option_no_throw("--param") != nullptr;
    return fmt::format("unexpected argument '{}'{}", extras.front(), binds ? " (a capture or a param is one word, NAME=VALUE)" : "");
  }
  const std::string& extra = *option;
  std::vector<std::string> names;
  for (const CLI::Option* known : innermost(app).get_options())
    for (const std::string& name : known->get_lnames()) names.push_back("--" + name);
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::string given = extra.substr(0, extra.find('='));
  std::string_view near = suggest(given, views);
  // Longer or shorter words for what there is: --output, --sha.
  for (const std::string_view name : views)
    if (near.empty() && given.size() > 4 && (given.starts_with(name) || name.starts_with(given))) near = name;
  return fmt::format("unknown option '{}'{}", given, near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
}

int usage(const CLI::App& app, const std::string& message) {
  std::string command = "flexc";
  for (const CLI::App* verb : app.get_subcommands()) command += " " + verb->get_name();
  print_message(message);
  const std::string hint = fmt::format("Try '{} --help'.\n", command);
  std::fwrite(hint.data(), 1, hint.size(), stderr);
  return kExitUsage;
}

int bug(std::string_view what) {
  print_message(fmt::format("internal error: {}\nThis is a bug in flexc {}. Please report it with the command line, the variant and the output of `flexc doctor`.", what, version()));
  return kExitBug;
}

/// A verb that is misspelt; nothing where the parser should decide.
std::optional<int> judge_verb(std::string_view verb, const CLI::App& app) {
  if (verb.starts_with('-')) return std::nullopt;
  std::vector<std::string_view> names;
  for (const CLI::App* known : app.get_subcommands({})) names.push_back(known->get_name());
  if (std::ranges::find(names, verb) != names.end()) return std::nullopt;
  if (verb.ends_with(".flex") || find_gallery_entry(verb) != nullptr) return usage(app, fmt::format("no verb '{0}'; a variant comes after a verb: flexc run {0}", verb));
  const std::string_view near = suggest(verb, names);
  return usage(app, fmt::format("no verb '{}'{}", verb, near.empty() ? "" : fmt::format("; did you mean '{}'?", near)));
}

int out_of_memory() {
  print_message(fmt::format("error: not enough memory (this machine has {})", byte_text(probe_cpu().memory_bytes)));
  return kExitEnvironment;
}

int run_verb(Verb& verb, const CLI::App& app) {
  try {
    const int code = verb.run();
    finish_results();
    return code;
  } catch (const VariantFailure& failure) {
    print_diagnostics(failure.diagnostics());
    return kExitInput;
  } catch (const Failure& failure) {
    const Error& error = failure.error();
    if (error.kind == ErrorKind::Usage) return usage(app, error.message);
    if (error.kind == ErrorKind::Internal) return bug(error.message);
    print_message(fmt::format("error: {}", error.message));
    return exit_code(error.kind);
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  } catch (const std::length_error&) {  // a container beyond all memory
    return out_of_memory();
  }
}

int run_main(int argc, char** argv) {
  CLI::App app("flexc runs attention variants written as text.", "flexc");
  app.set_version_flag("--version", fmt::format("flexc {}", version()), "Print the version");
  app.footer(kFooter);
  app.require_subcommand(1);
  std::vector<std::unique_ptr<Verb>> verbs;
  for (const auto& add : {add_run_verb, add_check_verb, add_emit_verb, add_explain_verb, add_mask_verb, add_bench_verb, add_compile_verb, add_gallery_verb, add_cache_verb, add_doctor_verb}) verbs.push_back(add(app));

  if (argc < 2) {
    const std::string help = app.help();
    std::fwrite(help.data(), 1, help.size(), stderr);
    return kExitUsage;
  }
  if (const auto code = judge_verb(argv[1], app)) return *code;
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wanted) {  // --help, --version
    print_result(wanted.get_name() == "CallForVersion" ? std::string(wanted.what()) + "\n" : app.help());
    finish_results();
    return kExitDone;
  } catch (const CLI::ParseError& error) {
    return usage(app, explain(error, app));
  } catch (const Failure& failure) {
    return usage(app, failure.error().message);
  }
  for (const auto& verb : verbs)
    if (verb->app->parsed()) return run_verb(*verb, app);
  return bug("no verb was parsed");
}

}  // namespace
}  // namespace flexc::cli

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is seen where it is written to
  try {
    return flexc::cli::run_main(argc, argv);
  } catch (const flexc::cli::Failure& failure) {
    flexc::cli::print_message("error: " + failure.error().message);
    return flexc::cli::exit_code(failure.error().kind);
  } catch (const std::exception& exception) {
    return flexc::cli::bug(exception.what());
  } catch (...) {
    return flexc::cli::bug("an exception of unknown type");
  }
}
