// Words for messages: names out of hostile files, made printable.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace flexc::io {

/// `text` between quotes, with control characters and invalid UTF-8 escaped, cut after `limit` bytes.
std::string in_quotes(std::string_view text, std::size_t limit = 120);

/// "(2, 3)", as numpy prints a shape.
std::string shape_text(const std::vector<std::int64_t>& shape);

}  // namespace flexc::io
