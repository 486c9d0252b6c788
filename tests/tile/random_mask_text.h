// Random mask_mods as text: nested functions, captures sorted and not, params, floats.
#pragma once

#include <cstdint>
#include <string>

namespace flexc {

std::string random_mask_text(std::uint64_t seed);

}  // namespace flexc
