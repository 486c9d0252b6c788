// The same header as C++ sees it: it compiles, and every struct is plain data of the size that C gives it.
#include "templates/cpu/row_segment.h"

#include <type_traits>

static_assert(std::is_standard_layout_v<flexc_row_module> && std::is_trivially_copyable_v<flexc_row_module>);
static_assert(std::is_standard_layout_v<flexc_row_launch> && std::is_trivially_copyable_v<flexc_row_launch>);
static_assert(std::is_standard_layout_v<flexc_row_param> && std::is_trivially_copyable_v<flexc_row_param>);
static_assert(sizeof(flexc_row_capture) == 24 && sizeof(flexc_row_divisor) == 24 && sizeof(flexc_row_param) == 40);
static_assert(sizeof(flexc_row_segment) == 48 && sizeof(flexc_row_affine) == 12 && sizeof(flexc_row_band) == 32);
