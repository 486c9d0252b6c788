// Falsifying one call of a kernel while it runs: what RELIABILITY asks of the model, that it notices.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "machine.h"

namespace flexc::model {

enum class Change : uint8_t {
  None,
  Drop,
  WaitOneMore,  // wait_group N -> N + 1
  BytesPlus16,
  BytesMinus16,  // expect_tx
  OtherParity,
  StartPlus,
  StartMinus,
  LeadingPlus,
  LeadingMinus,
  StridePlus,
  StrideMinus,
  BasePlus,
  BaseMinus,
  SwizzlePlus,
  SwizzleMinus,  // descriptor fields
  RegistersPlus8,
  RegistersMinus8,
  ChunkPlus,
  ChunkMinus,  // the 16-byte chunk of a swizzled address
  LimitPlus,
  LimitMinus,  // of a mask
  RingDepthMinusOne,
};

struct Mutation {
  std::string site;
  Change change = Change::None;
};

struct SiteRecord {
  std::string name;
  SiteKind kind;
  uint64_t calls = 0;
};

const char* change_name(Change);

// All changes that a kind of site can suffer.
std::vector<Change> changes_of(SiteKind);

// A change as it acts on a descriptor: the field one more or one less, wrapping within its bits.
uint64_t changed_descriptor(uint64_t descriptor, Change);

}  // namespace flexc::model
