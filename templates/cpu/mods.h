// Calls of the compiled mods, one a row segment, and nothing where there is none.
#pragma once

#include "templates/cpu/workspace.h"

namespace flexc::cpu {

/// Fills the levels that belong to a group of rows, and finds their bands.
void enter_group(const Plan& plan, Group& group);

/// Has mask_row say which of a row's columns `first` to `end` - 1 of the tile it keeps: whole words of `keep`, the first one that of column `first`, a multiple of 64.
void ask_mask_row(const Plan& plan, Workspace& workspace, const Group& group, std::int64_t tile, int row, std::int64_t first, std::int64_t end, KeepWords& keep);

/// General scores: rewrites the active panels of S. The rest of S holds any numbers.
void rewrite_scores(const Plan& plan, Workspace& workspace, const Group& group, std::int64_t tile);

/// Affine scores: the three numbers of a row, for columns counted from the tile's column `first`.
flexc_row_affine affine_of(const Plan& plan, Workspace& workspace, const Group& group, std::int64_t tile, int row, std::int64_t first);
/// Whether no sum of the three numbers over `columns` columns, can overflow or be NaN (all comparisons with NaN are false), and the row's number is not so large that scores lose their precision beside it.
bool is_usable(const flexc_row_affine& affine, std::int64_t columns);
/// Rewrites the active panels of one row of S by score_row: natural units in, log2-domain logits out.
void rewrite_row(const Plan& plan, Workspace& workspace, const Group& group, std::int64_t tile, int row);

}  // namespace flexc::cpu
