#include "tools/flexc/command_line.h"

#include <CLI/CLI.hpp>

namespace flexc::cli {
namespace {

CLI::Option* text_option(CLI::App& app, const std::string& name, std::optional<std::string>& target, const std::string& form, const std::string& help) {
  return app.add_option_function<std::string>(name, [&target](const std::string& text) { target = text; }, help)->type_name(form);
}

}  // namespace

CLI::App* add_verb(CLI::App& parent, const std::string& name, const std::string& help) { return parent.add_subcommand(name, help); }

void add_footer(CLI::App& app, const std::string& text) { app.footer(text); }

void require_verb(CLI::App& app) { app.require_subcommand(1); }

bool is_given(const CLI::App& verb) { return verb.parsed(); }

void add_text(CLI::App& app, const std::string& name, std::optional<std::string>& target, const std::string& form, const std::string& help) {
  text_option(app, name, target, form, help);
}

void add_required_text(CLI::App& app, const std::string& name, std::optional<std::string>& target, const std::string& form, const std::string& help) {
  text_option(app, name, target, form, help)->required();
}

void add_texts(CLI::App& app, const std::string& name, std::vector<std::string>& target, const std::string& form, const std::string& help) {
  app.add_option(name, target, help)->type_name(form)->allow_extra_args(false)->expected(1, CLI::detail::expected_max_vector_size);
}

void add_operands(CLI::App& app, const std::string& name, std::vector<std::string>& target, const std::string& form, const std::string& help) {
  app.add_option(name, target, help)->type_name(form);
}

void add_switch(CLI::App& app, const std::string& name, bool& target, const std::string& help) {
  app.add_flag(name, target, help)->multi_option_policy(CLI::MultiOptionPolicy::Throw)->disable_flag_override();
}

}  // namespace flexc::cli
