#include "mutation.h"

namespace flexc::model {

const char* change_name(Change change) {
  switch (change) {
    case Change::None:
      return "none";
    case Change::Drop:
      return "dropped";
    case Change::WaitOneMore:
      return "wait_group N+1";
    case Change::BytesPlus16:
      return "expect_tx +16";
    case Change::BytesMinus16:
      return "expect_tx -16";
    case Change::OtherParity:
      return "phase flipped";
    case Change::StartPlus:
      return "start address +1";
    case Change::StartMinus:
      return "start address -1";
    case Change::LeadingPlus:
      return "leading offset +1";
    case Change::LeadingMinus:
      return "leading offset -1";
    case Change::StridePlus:
      return "stride offset +1";
    case Change::StrideMinus:
      return "stride offset -1";
    case Change::BasePlus:
      return "base offset +1";
    case Change::BaseMinus:
      return "base offset -1";
    case Change::SwizzlePlus:
      return "swizzle mode +1";
    case Change::SwizzleMinus:
      return "swizzle mode -1";
    case Change::RegistersPlus8:
      return "setmaxnreg +8";
    case Change::RegistersMinus8:
      return "setmaxnreg -8";
    case Change::ChunkPlus:
      return "swizzled chunk +1";
    case Change::ChunkMinus:
      return "swizzled chunk -1";
    case Change::LimitPlus:
      return "mask limit +1";
    case Change::LimitMinus:
      return "mask limit -1";
    case Change::RingDepthMinusOne:
      return "ring depth -1";
  }
  return "unknown";
}

std::vector<Change> changes_of(SiteKind kind) {
  using enum Change;
  switch (kind) {
    case SiteKind::WarpSync:
    case SiteKind::BlockSync:
    case SiteKind::NamedSync:
    case SiteKind::NamedArrive:
    case SiteKind::BarrierInit:
    case SiteKind::BarrierInitFence:
    case SiteKind::BarrierArrive:
    case SiteKind::TmaLoad:
    case SiteKind::TmaStore:
    case SiteKind::TmaCommit:
    case SiteKind::TmaWaitRead:
    case SiteKind::TmaWait:
    case SiteKind::ProxyFence:
    case SiteKind::MmaFence:
    case SiteKind::MmaCommit:
      return {Drop};
    case SiteKind::BarrierExpect:
      return {Drop, BytesPlus16, BytesMinus16};
    case SiteKind::BarrierWait:
      return {Drop, OtherParity};
    case SiteKind::RingParity:
      return {OtherParity, RingDepthMinusOne};
    case SiteKind::RingStage:
      return {RingDepthMinusOne};
    case SiteKind::MmaWait:
      return {Drop, WaitOneMore};
    case SiteKind::Descriptor:
      return {StartPlus, StartMinus, LeadingPlus, LeadingMinus, StridePlus, StrideMinus, BasePlus, BaseMinus, SwizzlePlus, SwizzleMinus};
    case SiteKind::RaiseRegisters:
    case SiteKind::LowerRegisters:
      return {Drop, RegistersPlus8, RegistersMinus8};
    case SiteKind::SwizzledChunk:
      return {ChunkPlus, ChunkMinus};
    case SiteKind::MaskBits:
      return {LimitPlus, LimitMinus};
    default:
      return {};
  }
}

uint64_t changed_descriptor(uint64_t descriptor, Change change) {
  auto field = [&](int shift, int bits, uint64_t by) {
    const uint64_t mask = ((uint64_t{1} << bits) - 1) << shift;
    return (descriptor & ~mask) | ((descriptor + (by << shift)) & mask);
  };
  constexpr uint64_t one_less = ~uint64_t{0};
  switch (change) {
    case Change::StartPlus:
      return field(0, 14, 1);
    case Change::StartMinus:
      return field(0, 14, one_less);
    case Change::LeadingPlus:
      return field(16, 14, 1);
    case Change::LeadingMinus:
      return field(16, 14, one_less);
    case Change::StridePlus:
      return field(32, 14, 1);
    case Change::StrideMinus:
      return field(32, 14, one_less);
    case Change::BasePlus:
      return field(49, 3, 1);
    case Change::BaseMinus:
      return field(49, 3, one_less);
    case Change::SwizzlePlus:
      return field(62, 2, 1);
    case Change::SwizzleMinus:
      return field(62, 2, one_less);
    default:
      return descriptor;
  }
}

}  // namespace flexc::model
