// The device templates, embedded when flexc is built: nothing is looked for at run time.
#pragma once

#include <span>
#include <string_view>

namespace flexc::runtime {

/// A file under templates/, by its name in the repository. Both end in a NUL that is not counted.
struct DeviceTemplate {
  std::string_view name, text;
};

/// Sorted by name.
std::span<const DeviceTemplate> device_templates();

}  // namespace flexc::runtime
