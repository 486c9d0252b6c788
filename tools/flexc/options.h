// Options that several verbs share, and the parsing of their values. All of it is checked before any work begins.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flexc/dtype.h"
#include "flexc/flexc.h"
#include "tools/flexc/command_line.h"

namespace flexc::cli {

/// Whole decimal numbers; anything else is a usage error that names `option`.
std::int64_t parse_integer(std::string_view option, std::string_view text);
/// "1,2,3" with `least` to `most` numbers; `form` is what the help calls it.
std::vector<std::int64_t> parse_integers(std::string_view option, std::string_view text, std::string_view form, std::size_t least, std::size_t most);
double parse_number(std::string_view option, std::string_view text);
/// NAME=X, each name once.
std::map<std::string, std::string, std::less<>> parse_bindings(std::string_view option, const std::vector<std::string>& texts);

/// VARIANT, or --score and --mask; --const.
struct VariantOptions {
  std::optional<std::string> variant, score, mask;
  std::vector<std::string> const_texts;
  std::map<std::string, std::string, std::less<>> consts;  ///< after check()

  void add_to(CLI::App& app);
  void check();
};

/// --capture and --param.
struct BindingOptions {
  std::vector<std::string> capture_texts, param_texts;
  std::map<std::string, std::string, std::less<>> captures;  ///< name → file
  std::map<std::string, Captures::Scalar, std::less<>> params;

  void add_to(CLI::App& app);
  void check();
};

/// --q-offset, --kv-offset, --q-step, --kv-step.
struct PositionOptions {
  std::optional<std::string> q_offset_text, kv_offset_text, q_step_text, kv_step_text;
  PositionMap q, kv;

  void add_to(CLI::App& app);
  void check();
  /// Q or KV as the mods see it, of so many rows or keys; what overflows is refused by the kernel.
  static std::int64_t total(const PositionMap& positions, std::int64_t length);
  /// Into a MaskShape or RunArguments.
  template <class Call>
  void set(Call& call) const {
    call.q_offset = q.offset, call.kv_offset = kv.offset;
    call.q_step = q.step, call.kv_step = kv.step;
  }
};

/// --block.
struct BlockOption {
  std::optional<std::string> text;
  std::int32_t q = 128, kv = 128;

  void add_to(CLI::App& app);
  void check();
};

std::optional<DType> parse_dtype(const std::optional<std::string>& text);
Device parse_device(const std::optional<std::string>& text);
MaskShape::Refine parse_refine(std::string_view text, std::string_view choices);

/// One of `choices` (separated by |), or a usage error with "did you mean".
void check_choice(std::string_view option, std::string_view text, std::string_view choices);

/// An output's option, its file if it was given, and the ending of files in its format; an empty one is any.
struct NamedOutput {
  std::string option;
  std::optional<std::string> file;
  std::string_view ending = {};
};
/// Refuses an output whose name ends in another format's ending (none at all is fine), one that is also an input, and two outputs in one file. Devices such
/// as /dev/null have any name and may repeat.
void check_outputs(const std::vector<std::pair<std::string, std::string>>& inputs, const std::vector<NamedOutput>& outputs);

}  // namespace flexc::cli
