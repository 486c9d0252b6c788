// What the verbs say to the parser of the command line. CLI11 is seen by command_line.cpp and main.cpp alone: each unit that includes it compiles
// for ten seconds longer.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace flexc::cli {

/// A verb of `parent`, or of a verb.
CLI::App* add_verb(CLI::App& parent, const std::string& name, const std::string& help);
/// What the help ends with: remarks and examples.
void add_footer(CLI::App& app, const std::string& text);
/// `app` alone does nothing: one of its verbs must be given.
void require_verb(CLI::App& app);
/// Whether the command line names this verb.
bool is_given(const CLI::App& verb);

/// An option that takes one value, as text, at most once; absent where it was not given.
void add_text(CLI::App& app, const std::string& name, std::optional<std::string>& target, const std::string& form, const std::string& help);
/// The same, where its absence is a usage error.
void add_required_text(CLI::App& app, const std::string& name, std::optional<std::string>& target, const std::string& form, const std::string& help);
/// An option that may be repeated, one value each.
void add_texts(CLI::App& app, const std::string& name, std::vector<std::string>& target, const std::string& form, const std::string& help);
/// Values without an option before them, any number.
void add_operands(CLI::App& app, const std::string& name, std::vector<std::string>& target, const std::string& form, const std::string& help);
void add_switch(CLI::App& app, const std::string& name, bool& target, const std::string& help);

}  // namespace flexc::cli
