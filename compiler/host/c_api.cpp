// The compiler's half of the C ABI: variants and compilation. The rest stands in libflexc_runtime (runtime/host/c_api.cpp).
#include <utility>

#include "flexc/flexc.h"
#include "runtime/host/c_handles.h"

struct flexc_variant {
  flexc::Variant variant;
};

namespace {

using flexc::Error;
using flexc::ErrorKind;
using flexc::guarded;
using flexc::usage;

std::string text_of(const flexc::CompileError& error) { return error.diagnostics ? error.diagnostics->render() : error.error.message; }

flexc::Result<flexc_variant*> owned(std::expected<flexc::Variant, flexc::Diagnostics> variant) {
  if (!variant) return std::unexpected(Error{ErrorKind::Input, variant.error().render()});
  return new flexc_variant{std::move(*variant)};
}

}  // namespace

extern "C" {

flexc_variant* flexc_variant_parse(const char* text, const char* name, flexc_error** error) {
  return guarded<flexc_variant>(error, [&]() -> flexc::Result<flexc_variant*> {
    if (text == nullptr) return usage("flexc_variant_parse: the text is null");
    flexc::ParseOptions options;
    if (name != nullptr) options.name = name;
    return owned(flexc::Variant::parse(text, std::move(options)));
  });
}

flexc_variant* flexc_variant_from_expressions(const char* score, const char* mask, flexc_error** error) {
  return guarded<flexc_variant>(error, [&] { return owned(flexc::Variant::from_expressions(score == nullptr ? "" : score, mask == nullptr ? "" : mask)); });
}
void flexc_variant_destroy(flexc_variant* variant) { delete variant; }

flexc_kernel* flexc_compile(flexc_engine* engine, const flexc_variant* variant, const flexc_compile_options* options, flexc_error** error) {
  return guarded<flexc_kernel>(error, [&]() -> flexc::Result<flexc_kernel*> {
    if (engine == nullptr || variant == nullptr) return usage("flexc_compile: the engine or the variant is null");
    const flexc_compile_options given = options == nullptr ? flexc_compile_options{} : *options;
    if (given.dtype < FLEXC_F32 || given.dtype > FLEXC_BOOL || given.device < FLEXC_AUTO || given.device > FLEXC_ORACLE) return usage("flexc_compile: no such dtype or device");
    flexc::CompileOptions wanted;
    wanted.dtype = static_cast<flexc::DType>(given.dtype);
    wanted.device = {static_cast<flexc::Device::Kind>(given.device)};
    if (given.head_dim != 0) wanted.head_dim = given.head_dim;
    wanted.value_dim = given.value_dim;
    auto kernel = engine->engine.compile(variant->variant, wanted);
    if (!kernel) return std::unexpected(Error{kernel.error().error.kind, text_of(kernel.error())});
    return new flexc_kernel{std::move(*kernel)};
  });
}

}  // extern "C"
