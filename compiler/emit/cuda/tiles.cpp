#include "compiler/emit/cuda/tiles.h"

#include <algorithm>

namespace flexc::compiler::cuda {

std::vector<GemmShape> tile_ladder(const CudaHooks& hooks, device::Element element, unsigned head_dim, unsigned value_dim, const HopperForms& forms) {
  struct Tile {
    unsigned m, n;
  };
  const bool is_general = hooks.score_class == ScoreClass::General, is_plain = hooks.score_class == ScoreClass::Identity && !hooks.has_mask && !hooks.has_band;
  std::vector<Tile> tiles;
  // The wider of the two decides: S and O have to fit into the registers, the tiles into shared memory.
  const unsigned d = device::whole_panels(head_dim), dv = device::whole_panels(value_dim);
  switch (std::max(d, dv)) {
    case 64:
      // With a general score, 160 registers a thread hold no 192 x 128: even softcap's three operations spill there (28 bytes), and a tile that spills
      // costs a compilation. With a mask of pairs, rows of 128 follow its edge more closely.
      tiles = is_general || hooks.has_mask ? std::vector<Tile>{{128, 128}, {128, 96}, {128, 64}} : std::vector<Tile>{{192, 128}, {192, 96}, {128, 128}, {128, 64}};
      break;
    case 128:
      // A masked tile as wide as 176 would waste what the diagonal cuts off. Plain scores could have it: 0.4 issue slots an element fewer, but a third more
      // to compile, which is beyond half a second. Which is faster, a GPU must say (docs/gpu_questions.md).
      if (is_plain && forms.tile_m == 128 && forms.tile_n == 176) tiles.push_back({128, 176});
      tiles.insert(tiles.end(), {{128, 128}, {128, 96}, {128, 64}});
      break;
    case 192: tiles = {{128, 96}, {128, 64}, {128, 48}}; break;
    case 256:
      if (is_plain) tiles.push_back({128, 80});
      tiles.insert(tiles.end(), {{128, 64}, {128, 48}, {128, 32}});
      break;
    default: break;
  }
  std::vector<GemmShape> ladder;
  for (const Tile& tile : tiles) ladder.push_back({element, tile.m, tile.n, d, dv});
  return ladder;
}

}  // namespace flexc::compiler::cuda
