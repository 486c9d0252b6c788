// What a picture of a mask shows, and where: title, panels with axes, legend. Drawn onto any canvas.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "flexc/block_mask.h"
#include "tools/flexc/canvas.h"
#include "tools/flexc/tile_grid.h"

namespace flexc::cli {

class MaskDrawing {
 public:
  MaskDrawing(const BlockMask& mask, std::string_view title);
  int width() const { return width_; }
  int height() const { return height_; }
  void draw(Canvas& canvas) const;

 private:
  void draw_panel(Canvas& canvas, const TileGrid& grid, std::int64_t plane, int x, int y) const;
  void draw_axes(Canvas& canvas, int x, int y) const;
  void draw_legend(Canvas& canvas, int x, int y) const;

  const BlockMask& mask_;
  std::string title_;
  std::vector<TileGrid> grids_;  ///< one a panel
  BlockMask::Counts counts_;
  std::vector<std::string> notes_;  ///< lines under the legend
  int panels_across_ = 1;
  int plot_width_ = 0, plot_height_ = 0;
  int left_ = 0, above_ = 0, below_ = 0;  ///< room for a panel's labels
  int width_ = 0, height_ = 0, legend_x_ = 0;
};

}  // namespace flexc::cli
