// Where a variant comes from: a file, standard input, the gallery, or expressions on the command line.
#pragma once

#include <memory>
#include <string>

#include "flexc/flexc.h"
#include "flexc/gallery.h"
#include "tools/flexc/options.h"

namespace flexc::cli {

struct LoadedVariant {
  Variant variant;
  std::string name;                     ///< as the user would say it
  const GalleryEntry* entry = nullptr;  ///< where it is one
};

/// A variant before it is parsed.
struct VariantText {
  std::string name;                     ///< as the user would say it
  std::string file, text;               ///< name for messages, and contents; empty for expressions on the command line
  const GalleryEntry* entry = nullptr;  ///< where it is one
};

/// Finds and reads the text; throws Failure.
VariantText read_variant(const VariantOptions& options);
/// Throws VariantFailure or Failure. Warnings are left to the caller.
LoadedVariant parse_variant(const VariantText& text, const VariantOptions& options);
/// Reads and parses; throws VariantFailure or Failure. Warnings are left to the caller.
LoadedVariant load_variant(const VariantOptions& options);

/// The same for a call: warnings go to standard error, and names that the variant does not have are refused (check_names).
LoadedVariant load_variant(const VariantOptions& options, const BindingOptions& bindings);

/// Refuses captures and params that the variant does not have, with "did you mean".
void check_names(const Variant& variant, const BindingOptions& bindings);

/// A kernel, or VariantFailure or Failure.
std::shared_ptr<const Kernel> compile(const Variant& variant, const CompileOptions& options);

}  // namespace flexc::cli
