// One launch of the kernel that summarises captures: which table it makes, from what. Shared by the host and the device.
#pragma once
#include "templates/tile/verdicts.h"

namespace flexc::tile {

/// `count` results; thread i makes result i. Tables are as runtime/tile/summaries.h describes them and gathers.h sizes them.
struct SummaryWork {
  enum Kind : std::uint32_t {
    kRuns,             ///< of a line: to[run], the bounds of kRun elements; `falls` counts elements below the one before them (integers)
    kRunsAbove,        ///< to[run] = below[run] and below[run + width]
    kCells,            ///< of a grid: to[row · columns + column], the bounds of a cell; `columns` cells a row
    kCellsAbove,       ///< to = the up to four cells below; `rows` × `columns` cells are below
    kSignatures,       ///< of a line: to[run][word], which values occur in kRun elements
    kSignaturesAbove,  ///< to[node][word] = below[2·node][word] | below[2·node + 1][word]; `rows` nodes are below
  };
  DeviceGather capture;
  std::uint32_t kind, unused;
  Int count, width, rows, columns;
  const void* below;
  void* to;
  std::uint32_t* falls;
};

}  // namespace flexc::tile
