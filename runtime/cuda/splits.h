// Where the keys of a Hopper launch are cut: into parts of whole tiles, by position.
#pragma once

#include <cstdint>

namespace flexc::runtime {

/// How many parts `split = auto` asks for: as many as make a launch shortest by a simple count of tiles, on as many multiprocessors as an H100 has. It
/// follows from the shape alone, whatever GPU runs it, so that equal shapes have equal bits everywhere; 1 unless an eighth of the time is gained.
/// `heads` counts (batch, head) pairs.
std::int64_t automatic_split(std::int64_t heads, std::int64_t q_len, std::int64_t kv_len);

/// `parts` parts of `tiles` tiles each; the last may have fewer, none has none.
struct KeyParts {
  std::uint32_t parts = 1, tiles = 1;
};
/// At most `wanted` parts. Depends on nothing but the keys, so rows of any batch are cut alike.
KeyParts cut_keys(std::int64_t kv_len, std::uint32_t tile_n, std::int64_t wanted);

}  // namespace flexc::runtime
