// Maps the relocatable object of a variant's CPU mods: what the compiler, the cache and bundles all carry.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "flexc/error.h"
#include "templates/cpu/row_segment.h"

namespace flexc::runtime {

/// An object in memory, executable. Immutable, safe to share between threads; the module's functions live as long as it does.
class RowObject {
 public:
  /// `object`: an ELF64 relocatable for x86-64 without undefined symbols, which defines `flexc_row_module`. Sections, symbols and
  /// relocations are checked against the bytes; what is malformed or unknown is an error of kind Input.
  static Result<RowObject> load(std::span<const std::byte> object);

  ~RowObject();
  RowObject(RowObject&& other) noexcept;
  RowObject& operator=(RowObject&& other) noexcept;

  const flexc_row_module& module() const { return *module_; }

 private:
  RowObject() = default;
  void* memory_ = nullptr;
  std::size_t size_ = 0;
  const flexc_row_module* module_ = nullptr;
};

}  // namespace flexc::runtime
