// What happens behind the threads' backs: mbarriers, and the copies of TMA.
#include <cstring>

#include "run.h"

namespace flexc::model {
namespace {

constexpr const char* kMbarrier = "the phase of an mbarrier";
constexpr uint32_t kChunk = 16;

// Walks a box row by row in the order in which shared memory holds it. `visit` gets the row's offset in the box (bytes), the coordinates of its first
// element, and the global address of that (meaningless where `inside` is false: the row lies outside in some dimension but the innermost).
template <class Visit>
void for_each_row(const TensorMap& map, const int32_t* start, Visit visit) {
  const uint32_t row_bytes = map.box[0] * map.element_bytes;
  uint32_t at[TensorMap::kMostDimensions] = {};
  for (uint32_t offset = 0;; offset += row_bytes) {
    bool inside = true;
    uint64_t address = map.address;
    for (int d = 1; d < map.rank; ++d) {
      const int64_t coordinate = int64_t{start[d]} + at[d];
      inside &= coordinate >= 0 && coordinate < map.sizes[d];
      if (inside) address += static_cast<uint64_t>(coordinate) * map.strides[d - 1];
    }
    visit(offset, row_bytes, inside, address);
    int d = 1;
    while (d < map.rank && ++at[d] == map.box[d]) at[d++] = 0;
    if (d >= map.rank) return;
  }
}

// The part of a row that lies inside the tensor, in bytes from the row's start.
struct Span {
  uint32_t from = 0, to = 0;
};
Span inside_row(const TensorMap& map, int32_t column) {
  const int64_t from = std::max<int64_t>(0, -int64_t{column}), to = std::min<int64_t>(map.box[0], int64_t{map.sizes[0]} - column);
  if (to <= from) return {};
  return {static_cast<uint32_t>(from) * map.element_bytes, static_cast<uint32_t>(to) * map.element_bytes};
}

}  // namespace

// ------------------------------------------------------------------------------------------------------------------------ mbarriers

Access LaunchRun::access(const char* what, uint16_t site) const {
  return {thread_->index, thread_->clock.seen(thread_->index), &thread_->clock, false, what, site};
}

BarrierSlot* LaunchRun::barrier_at(uint32_t address, uint16_t site, const char* what, bool async) {
  Access use = access(what, site);
  use.async = async;
  check(cta_->memory.check_barrier(address, use));
  return &cta_->barriers.find(address)->second;
}

void LaunchRun::mbarrier_init(Site name, uint32_t address, uint32_t count) {
  const uint16_t site = enter_site(name, SiteKind::BarrierInit);
  if (mutated(Change::Drop)) return;
  if (count == 0 || count > Mbarrier::kMostArrivals) report(Fault::Barrier, names_[site] + ": an mbarrier counts 1 to 2^20 - 1 arrivals");
  if (cta_->barriers.contains(address)) report(Fault::Barrier, names_[site] + ": the mbarrier is initialised already");
  if (cta_->barriers.size() == Agents::kMostBarriers) report(Fault::Resources, "the model has room for 64 mbarriers");
  check(cta_->memory.claim_barrier(address, access("mbarrier.init", site)));
  const auto number = static_cast<uint32_t>(cta_->barriers.size());
  BarrierSlot& slot = cta_->barriers[address];
  slot.number = number;
  slot.barrier.init(count, cta_->agents.count());
}

void LaunchRun::mbarrier_init_fence(Site name) {
  enter_site(name, SiteKind::BarrierInitFence);
  if (mutated(Change::Drop)) return;
  thread_->clock.fence();
  ++thread_->version;
  tick();
}

void LaunchRun::wake(Cta& cta, const char* waits_for, uint32_t detail) {
  for (Thread& thread : cta.threads) {
    if (thread.state == Thread::State::Waiting && thread.waits_for == waits_for && thread.wait_detail == detail) make_ready(thread);
  }
}

void LaunchRun::settle(Cta& cta, uint32_t address, Mbarrier::Outcome outcome, uint16_t site) {
  switch (outcome) {
    case Mbarrier::Outcome::Ok:
      return;
    case Mbarrier::Outcome::PhaseComplete:
      wake(cta, kMbarrier, address);
      return;
    case Mbarrier::Outcome::TooManyArrivals:
      report(Fault::Barrier, names_[site] + ": more arrivals than the mbarrier's phase expects");
      return;
    case Mbarrier::Outcome::TooManyBytes:
      report(Fault::Barrier, names_[site] + ": the mbarrier's count of bytes is out of range");
      return;
  }
}

void LaunchRun::mbarrier_arrive(Site name, uint32_t address, bool predicate) {
  const uint16_t site = enter_site(name, SiteKind::BarrierArrive);
  if (mutated(Change::Drop) || !predicate) return;
  breathe();
  BarrierSlot* slot = barrier_at(address, site, "mbarrier.arrive", false);
  const auto outcome = slot->barrier.arrive(thread_->clock);
  tick();
  settle(*cta_, address, outcome, site);
}

void LaunchRun::mbarrier_arrive_expect_tx(Site name, uint32_t address, uint32_t bytes) {
  const uint16_t site = enter_site(name, SiteKind::BarrierExpect);
  if (mutated(Change::Drop)) return;
  if (mutated(Change::BytesPlus16)) bytes += 16;
  if (mutated(Change::BytesMinus16)) bytes -= 16;
  breathe();
  BarrierSlot* slot = barrier_at(address, site, "mbarrier.arrive.expect_tx", false);
  settle(*cta_, address, slot->barrier.expect(bytes), site);
  const auto outcome = slot->barrier.arrive(thread_->clock);
  tick();
  settle(*cta_, address, outcome, site);
}

void LaunchRun::mbarrier_wait(Site name, uint32_t address, uint32_t parity) {
  const uint16_t site = enter_site(name, SiteKind::BarrierWait);
  if (mutated(Change::Drop)) return;
  if (mutated(Change::OtherParity)) parity ^= 1;
  breathe();
  BarrierSlot* slot = barrier_at(address, site, "mbarrier.try_wait", false);
  // Asked again after each wake, as the hardware does: a phase that has gone by twice is waited for once more.
  while (!slot->barrier.done(parity)) sleep(site, kMbarrier, address);
  learn(slot->barrier.completed);
}

// ------------------------------------------------------------------------------------------------------------------------------ TMA

TensorMap LaunchRun::decode_map(const void* bytes, int rank, uint32_t shared_address, uint16_t site) {
  TensorMap map;
  std::memcpy(&map, bytes, sizeof(map));
  if (reinterpret_cast<uintptr_t>(bytes) % alignof(TensorMap) != 0) report(Fault::TensorMap, names_[site] + ": a tensor map is aligned to 64 bytes");
  if (std::string rule = broken_rule(map); !rule.empty()) report(Fault::TensorMap, names_[site] + ": " + rule);
  if (map.rank != rank) report(Fault::TensorMap, names_[site] + ": the map's rank is " + std::to_string(map.rank));
  if (shared_address % 128 != 0) report(Fault::TensorMap, names_[site] + ": the address in shared memory is no multiple of 128");
  if (!cta_->memory.contains(shared_address, map.box_bytes()))
    report(Fault::Bounds, names_[site] + ": the box does not lie in the CTA's shared memory");
  return map;
}

void LaunchRun::tma_load(Site name, uint32_t to, const void* map, uint32_t barrier, const int32_t* coordinates, int rank) {
  const uint16_t site = enter_site(name, SiteKind::TmaLoad);
  if (mutated(Change::Drop)) return;
  breathe();
  PendingLoad load;
  load.map = decode_map(map, rank, to, site);
  barrier_at(barrier, site, "TMA load", true);
  load.to = to;
  load.barrier = barrier;
  std::copy_n(coordinates, rank, load.coordinates);
  load.before = thread_->clock;
  load.site = site;
  load.thread = thread_->index;
  tick();
  cta_->memory.poison(to, load.map.box_bytes());
  cta_->loads.push_back(std::move(load));
  if (options_.policy == Policy::Earliest) complete_load(*cta_, cta_->loads.size() - 1);
}

void LaunchRun::complete_load(Cta& cta, size_t index) {
  cta_ = &cta;
  PendingLoad load = std::move(cta.loads[index]);
  cta.loads.erase(cta.loads.begin() + static_cast<std::ptrdiff_t>(index));
  BarrierSlot& slot = cta.barriers.find(load.barrier)->second;
  const uint32_t agent = cta.agents.barrier(slot.number);
  const Access write{agent, ++slot.completions, &load.before, true, "TMA load", load.site};
  slot.last_load = load.site;
  const Span span = inside_row(load.map, load.coordinates[0]);
  bool fine = true;
  unsigned char row[256 * sizeof(uint32_t)];
  for_each_row(load.map, load.coordinates, [&](uint32_t offset, uint32_t bytes, bool inside, uint64_t address) {
    std::memset(row, 0, bytes);
    if (inside && span.to > span.from) {
      const auto column = static_cast<uint64_t>(int64_t{load.coordinates[0]} * load.map.element_bytes);
      std::memcpy(row + span.from, reinterpret_cast<const unsigned char*>(address + column + span.from), span.to - span.from);
    }
    for (uint32_t chunk = 0; fine && chunk < bytes; chunk += kChunk) {
      fine = cta.memory.write(swizzled(load.to + offset + chunk, load.map.swizzle), kChunk, write, row + chunk);
    }
  });
  if (!fine) {
    report(cta.memory.conflict().fault, cta.memory.conflict().text);
    return;
  }
  Clock done(cta.agents.count());
  done.seen(agent) = done.visible(agent) = slot.completions;
  settle(cta, load.barrier, slot.barrier.complete(load.map.box_bytes(), done), load.site);
}

void LaunchRun::tma_store(Site name, const void* map, uint32_t from, const int32_t* coordinates, int rank) {
  const uint16_t site = enter_site(name, SiteKind::TmaStore);
  if (mutated(Change::Drop)) return;
  breathe();
  if (thread_->storer < 0) {
    if (cta_->storers == Agents::kMostStorers) report(Fault::Resources, "the model has room for 16 threads that store by TMA");
    thread_->storer = static_cast<int>(cta_->storers++);
  }
  PendingStore store;
  store.map = decode_map(map, rank, from, site);
  store.from = from;
  std::copy_n(coordinates, rank, store.coordinates);
  store.before = thread_->clock;
  store.site = site;
  store.thread = thread_->index;
  store.epoch = ++thread_->stores;
  tick();
  cta_->stores.push_back(std::move(store));
  if (options_.policy == Policy::Earliest) {
    read_store(*cta_, cta_->stores.back());
    write_store(cta_->stores.back());
  }
}

void LaunchRun::read_store(Cta& cta, PendingStore& store) {
  cta_ = &cta;
  store.read = true;
  store.data.resize(store.map.box_bytes());
  const auto storer = static_cast<uint32_t>(cta.threads[store.thread].storer);
  const Access read{cta.agents.storer(storer), store.epoch, &store.before, true, "TMA store", store.site};
  bool fine = true;
  for (uint32_t offset = 0; fine && offset < store.data.size(); offset += kChunk) {
    fine = cta.memory.read(swizzled(store.from + offset, store.map.swizzle), kChunk, read, &store.data[offset]);
  }
  if (!fine) report(cta.memory.conflict().fault, cta.memory.conflict().text);
}

void LaunchRun::write_store(PendingStore& store) {
  store.written = true;
  const Span span = inside_row(store.map, store.coordinates[0]);
  if (span.to <= span.from) return;
  for_each_row(store.map, store.coordinates, [&](uint32_t offset, uint32_t, bool inside, uint64_t address) {
    if (!inside) return;
    const auto column = static_cast<uint64_t>(int64_t{store.coordinates[0]} * store.map.element_bytes);
    std::memcpy(reinterpret_cast<unsigned char*>(address + column + span.from), &store.data[offset + span.from], span.to - span.from);
  });
}

void LaunchRun::tma_store_commit(Site name) {
  enter_site(name, SiteKind::TmaCommit);
  if (mutated(Change::Drop)) return;
  for (PendingStore& store : cta_->stores) {
    if (store.thread == thread_->index && store.group < 0) store.group = thread_->store_groups;
  }
  ++thread_->store_groups;
}

void LaunchRun::tma_store_wait(Site name, int pending, bool read_only) {
  enter_site(name, read_only ? SiteKind::TmaWaitRead : SiteKind::TmaWait);
  if (mutated(Change::Drop)) return;
  breathe();
  const int64_t last = int64_t{thread_->store_groups} - 1 - pending;
  auto waited = [&](const PendingStore& store) { return store.thread == thread_->index && store.group >= 0 && store.group <= last; };
  for (PendingStore& store : cta_->stores) {
    if (!waited(store)) continue;
    if (!store.read) read_store(*cta_, store);
    if (!read_only && !store.written) write_store(store);
    uint32_t& seen = thread_->clock.seen(cta_->agents.storer(static_cast<uint32_t>(thread_->storer)));
    seen = std::max(seen, store.epoch);
  }
  if (!read_only) std::erase_if(cta_->stores, waited);
}

void LaunchRun::proxy_fence(Site name) {
  enter_site(name, SiteKind::ProxyFence);
  if (mutated(Change::Drop)) return;
  thread_->clock.fence();
  ++thread_->version;
  tick();
}

// One piece of asynchronous work, chosen at random. Forced: no thread can go on, so only what could wake one counts.
bool LaunchRun::advance_async(bool forced) {
  struct Candidate {
    Cta* cta;
    enum { Load, Product, Store } what;
    size_t index;
  };
  std::vector<Candidate> candidates;
  for (auto& cta : ctas_) {
    for (size_t i = 0; i < cta->loads.size(); ++i) candidates.push_back({cta.get(), Candidate::Load, i});
    if (forced) continue;
    for (size_t i = 0; i < cta->units.size(); ++i) {
      if (cta->units[i].has_unread()) candidates.push_back({cta.get(), Candidate::Product, i});
    }
    for (size_t i = 0; i < cta->stores.size(); ++i) {
      if (!cta->stores[i].written) candidates.push_back({cta.get(), Candidate::Store, i});
    }
  }
  if (candidates.empty()) return false;
  const Candidate& chosen = candidates[random() % candidates.size()];
  cta_ = chosen.cta;
  switch (chosen.what) {
    case Candidate::Load:
      complete_load(*chosen.cta, chosen.index);
      break;
    case Candidate::Product: {
      MatrixUnit& unit = chosen.cta->units[chosen.index];
      const uint16_t site = unit.oldest_site();
      take_fault(unit.read_oldest(), site);
      break;
    }
    case Candidate::Store: {
      PendingStore& store = chosen.cta->stores[chosen.index];
      store.read ? write_store(store) : read_store(*chosen.cta, store);
      break;
    }
  }
  return true;
}

}  // namespace flexc::model
