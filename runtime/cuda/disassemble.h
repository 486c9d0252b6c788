// Machine code as text, by NVIDIA's disassembler where there is one.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "flexc/error.h"

namespace flexc::runtime {

/// What nvdisasm prints of a cubin's code. It is looked for as $FLEXC_NVDISASM, in PATH, under /usr/local/cuda and in the PyPI wheels
/// nvidia-cuda-nvdisasm of the Pythons under $VIRTUAL_ENV, $HOME/.local and /usr; Environment where there is none.
Result<std::string> disassemble(std::span<const std::byte> cubin);

}  // namespace flexc::runtime
