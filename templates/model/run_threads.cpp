// What threads do themselves: start and await matrix products, move registers, touch shared memory.
#include <cstring>

#include "run.h"

namespace flexc::model {
namespace {

constexpr const char* kRegisterPool = "registers of the CTA's pool";
constexpr uint32_t kFewestRegisters = 24, kMostRegisters = 256, kRegisterStep = 8;

}  // namespace

void LaunchRun::mma_fence(Site name) {
  const uint16_t site = enter_site(name, SiteKind::MmaFence);
  if (mutated(Change::Drop)) return;
  if (!gather_warpgroup(SiteKind::MmaFence, site)) return;
  unit().fence();
  release(warpgroup(), thread_->index / kWarpgroupThreads * kWarpgroupThreads, kWarpgroupThreads);
}

void LaunchRun::mma_commit(Site name) {
  const uint16_t site = enter_site(name, SiteKind::MmaCommit);
  if (mutated(Change::Drop)) return;
  if (!gather_warpgroup(SiteKind::MmaCommit, site)) return;
  unit().commit();
  release(warpgroup(), thread_->index / kWarpgroupThreads * kWarpgroupThreads, kWarpgroupThreads);
}

void LaunchRun::mma_wait(Site name, int pending, const float* accumulator) {
  const uint16_t site = enter_site(name, SiteKind::MmaWait);
  if (mutated(Change::Drop)) return;
  if (mutated(Change::WaitOneMore)) ++pending;
  if (!gather_warpgroup(SiteKind::MmaWait, site, accumulator)) return;
  take_fault(unit().wait(pending), site);
  const uint32_t number = thread_->index / kWarpgroupThreads, first = number * kWarpgroupThreads;
  if (warpgroup().requests[0] != nullptr && unit().owns(static_cast<const float*>(warpgroup().requests[0]))) {
    report(Fault::InFlight, names_[site] + ": the wait leaves the product running whose accumulator is used next");
  }
  for (uint32_t t = first; t < first + kWarpgroupThreads; ++t) {
    cta_->threads[t].clock.seen(cta_->agents.warpgroup(number)) = unit().finished();
  }
  release(warpgroup(), first, kWarpgroupThreads);
}

void LaunchRun::mma(Site name, const MmaRequest& request) {
  const uint16_t site = enter_site(name, SiteKind::Mma);
  breathe();
  if (!gather_warpgroup(SiteKind::Mma, site, &request)) return;
  const uint32_t number = thread_->index / kWarpgroupThreads, first = number * kWarpgroupThreads;
  uint64_t version = 0;
  for (uint32_t t = first; t < first + kWarpgroupThreads; ++t) version += cta_->threads[t].version;
  // Operands have to be ready for every thread of the warpgroup: each of them issues its part.
  Clock& meet = cta_->meet[number];
  if (cta_->meet_version[number] != version) {
    meet = cta_->threads[first].clock;
    for (uint32_t t = first + 1; t < first + kWarpgroupThreads; ++t) meet.meet(cta_->threads[t].clock);
    cta_->meet_version[number] = version;
  }
  const MmaRequest* requests[kWarpgroupThreads];
  for (int t = 0; t < kWarpgroupThreads; ++t) requests[t] = static_cast<const MmaRequest*>(warpgroup().requests[t]);
  take_fault(unit().start(requests, meet, site), site);
  for (uint32_t t = first; t < first + kWarpgroupThreads; ++t) ++cta_->threads[t].clock.seen(t);
  if (options_.policy == Policy::Earliest) take_fault(unit().read_oldest(), site);
  release(warpgroup(), first, kWarpgroupThreads);
}

void LaunchRun::set_registers(Site name, uint32_t registers, bool raise) {
  const uint16_t site = enter_site(name, raise ? SiteKind::RaiseRegisters : SiteKind::LowerRegisters);
  if (mutated(Change::Drop)) return;
  if (mutated(Change::RegistersPlus8)) registers += kRegisterStep;
  if (mutated(Change::RegistersMinus8)) registers -= kRegisterStep;
  if (!gather_warpgroup(raise ? SiteKind::RaiseRegisters : SiteKind::LowerRegisters, site)) return;
  const uint32_t number = thread_->index / kWarpgroupThreads;
  uint32_t& mine = cta_->registers[number];
  if (registers < kFewestRegisters || registers > kMostRegisters || registers % kRegisterStep != 0) {
    report(Fault::RegisterPool, names_[site] + ": setmaxnreg takes multiples of 8 from 24 to 256, not " + std::to_string(registers));
  }
  if (raise ? registers < mine : registers > mine) {
    report(Fault::RegisterPool,
           names_[site] + ": setmaxnreg to " + std::to_string(registers) + " in the wrong direction from " + std::to_string(mine));
  }
  if (raise) {
    const uint32_t wanted = (registers - mine) * kWarpgroupThreads;
    while (cta_->pool < wanted) sleep(site, kRegisterPool, 0);
    cta_->pool -= wanted;
  } else {
    cta_->pool += (mine - registers) * kWarpgroupThreads;
    wake(*cta_, kRegisterPool, 0);
  }
  mine = registers;
  release(warpgroup(), number * kWarpgroupThreads, kWarpgroupThreads);
}

uint32_t LaunchRun::shared_load(Site name, uint32_t address) {
  const uint16_t site = enter_site(name, SiteKind::SharedLoad);
  uint32_t value = 0;
  check(cta_->memory.read(address, sizeof(value), access("ld.shared", site), &value));
  return value;
}

void LaunchRun::shared_load_four(Site name, uint32_t address, float* to) {
  constexpr uint32_t kBytes = 16;
  const uint16_t site = enter_site(name, SiteKind::SharedLoad);
  if (address % kBytes != 0) report(Fault::Bounds, names_[site] + ": ld.shared.v4 takes addresses aligned to 16 bytes");
  check(cta_->memory.read(address, kBytes, access("ld.shared.v4", site), to));
}

void LaunchRun::shared_store(Site name, uint32_t address, uint32_t value) {
  const uint16_t site = enter_site(name, SiteKind::SharedStore);
  check(cta_->memory.write(address, sizeof(value), access("st.shared", site), &value));
}

void LaunchRun::matrix_store(Site name, uint32_t address, const uint32_t* matrices) {
  constexpr uint32_t kRows = 8, kMatrices = 4, kRowBytes = 16;
  const uint16_t site = enter_site(name, SiteKind::MatrixStore);
  if (!gather_warp(SiteKind::MatrixStore, site, address, matrices)) return;
  const Gathering& place = warp();
  const uint32_t first = thread_->index / kWarpThreads * kWarpThreads;
  for (uint32_t matrix = 0; matrix < kMatrices; ++matrix) {
    for (uint32_t row = 0; row < kRows; ++row) {
      uint32_t words[kRowBytes / sizeof(uint32_t)];
      for (uint32_t i = 0; i < std::size(words); ++i) words[i] = static_cast<const uint32_t*>(place.requests[row * 4 + i])[matrix];
      // The row belongs to the lane that gives its address.
      const uint32_t lane = matrix * kRows + row;
      const Thread& owner = cta_->threads[first + lane];
      if (place.values[lane] % kRowBytes != 0) report(Fault::Bounds, names_[site] + ": stmatrix takes rows aligned to 16 bytes");
      const Access write{owner.index, owner.clock.seen(owner.index), &owner.clock, false, "stmatrix", site};
      check(cta_->memory.write(place.values[lane], kRowBytes, write, words));
    }
  }
  release(warp(), first, kWarpThreads);
}

}  // namespace flexc::model
