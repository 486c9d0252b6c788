#include "run.h"

#include <algorithm>

namespace flexc::model {
namespace {

constexpr uint32_t kRegisterFile = 65536;
constexpr uint32_t kRegisterStep = 8;

// What __launch_bounds__(threads, 1) leaves a thread. setmaxnreg moves what the CTA got at launch, and no more than that.
uint32_t registers_at_launch(uint32_t threads) { return std::min(kRegisterFile / threads / kRegisterStep * kRegisterStep, 248u + kRegisterStep); }

}  // namespace

LaunchRun::LaunchRun(const LaunchOptions& options, KernelEntry kernel, void* arguments, FiberStacks& stacks)
    : options_(options), kernel_(kernel), arguments_(arguments), stacks_(stacks), random_state_(options.seed * 0x9e37'79b9'7f4a'7c15ull + 1) {
  watching = options.record_sites || options.mutation.change != Change::None;
  approximation_salt = options.approximation_salt;
}

uint64_t LaunchRun::random() {  // splitmix64
  uint64_t z = (random_state_ += 0x9e37'79b9'7f4a'7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11ebull;
  return z ^ (z >> 31);
}

void LaunchRun::build(uint32_t block) {
  auto cta = std::make_unique<Cta>(options_.threads);
  const uint32_t threads = options_.threads, warps = threads / kWarpThreads, warpgroups = (threads + kWarpgroupThreads - 1) / kWarpgroupThreads;
  cta->block = block;
  cta->alive = threads;
  cta->memory.reset(options_.shared_bytes / SharedMemory::kWord * SharedMemory::kWord, cta->agents.count());
  cta->memory.site_names = &names_;
  cta->warps.resize(warps);
  cta->warpgroups.resize(warpgroups);
  cta->units.resize(warpgroups);
  cta->meet.assign(warpgroups, Clock(cta->agents.count()));
  cta->meet_version.assign(warpgroups, 0);
  for (uint32_t i = 0; i < warpgroups; ++i) cta->units[i].reset(cta->agents.warpgroup(i), &cta->memory);
  for (NamedBarrier& barrier : cta->named) barrier.clock = Clock(cta->agents.count());
  const uint32_t registers = options_.registers != 0 ? options_.registers : registers_at_launch(threads);
  cta->registers.assign(warpgroups, registers);
  cta->threads.resize(threads);
  for (uint32_t t = 0; t < threads; ++t) {
    Thread& thread = cta->threads[t];
    thread.block = block;
    thread.index = t;
    thread.clock = Clock(cta->agents.count());
    thread.clock.seen(t) = 1;
    thread.version = 1;
    make_fiber(thread.context, stacks_.top(size_t{block} * threads + t), &LaunchRun::enter, this);
    ready_.push_back(&thread);
  }
  ctas_.push_back(std::move(cta));
}

LaunchResult LaunchRun::run() {
  for (uint32_t block = 0; block < options_.blocks; ++block) build(block);
  self.blocks = options_.blocks;
  uint64_t alive = uint64_t{options_.blocks} * options_.threads;
  while (!stopped_ && alive > 0) {
    if (options_.policy == Policy::Random && random() % 8 == 0) advance_async(false);
    if (stopped_) break;
    if (ready_.empty()) {
      if (!advance_async(true)) report_deadlock();
      continue;
    }
    if (++result_.steps > options_.most_steps) {
      report(Fault::NoProgress, "the launch took more than " + std::to_string(options_.most_steps) + " steps");
      break;
    }
    const size_t pick = random() % ready_.size();
    thread_ = ready_[pick];
    ready_[pick] = ready_.back();
    ready_.pop_back();
    cta_ = ctas_[thread_->block].get();
    self.thread = thread_->index;
    self.block = thread_->block;
    switch_fiber(scheduler_, thread_->context);
    if (thread_ != nullptr && thread_->state == Thread::State::Exited) --alive;
    thread_ = nullptr;
  }
  if (options_.record_sites) result_.sites.assign(records_.begin() + 1, records_.end());
  if (mutated_site_ != 0) result_.mutated_calls = records_[mutated_site_].calls;
  return std::move(result_);
}

void LaunchRun::enter(void* self) {
  auto* run = static_cast<LaunchRun*>(self);
  run->kernel_(run, run->arguments_);
  run->finish_thread();
  run->abandon();
}

void LaunchRun::make_ready(Thread& thread) {
  thread.state = Thread::State::Ready;
  ready_.push_back(&thread);
}

void LaunchRun::resume_scheduler() { switch_fiber(thread_->context, scheduler_); }

void LaunchRun::abandon() {
  resume_scheduler();
  __builtin_unreachable();
}

void LaunchRun::sleep(uint16_t site, const char* waits_for, uint32_t detail) {
  thread_->state = Thread::State::Waiting;
  thread_->site = site;
  thread_->waits_for = waits_for;
  thread_->wait_detail = detail;
  resume_scheduler();
}

void LaunchRun::breathe() {
  if (random() % 4 != 0) return;
  make_ready(*thread_);
  resume_scheduler();
}

// The first report ends the launch: what follows a broken rule means nothing, and could run wild. Called by a thread it does not return.
void LaunchRun::report(Fault fault, std::string text) {
  if (!stopped_) {
    result_.reports.push_back({fault, std::move(text), cta_ != nullptr ? cta_->block : 0, thread_ != nullptr ? thread_->index : 0});
    stopped_ = true;
  }
  std::string().swap(text);  // the stack that holds it is never unwound
  if (thread_ != nullptr) abandon();
}

void LaunchRun::check(bool fine) {
  if (!fine) report(cta_->memory.conflict().fault, cta_->memory.conflict().text);
}

bool LaunchRun::take_fault(MatrixUnit::Outcome fault, uint16_t site) {
  if (!fault) return true;
  const Fault kind = fault->fault;
  std::string text = names_[site] + ": " + fault->text;
  fault.reset();
  report(kind, std::move(text));
  return false;
}

void LaunchRun::report_deadlock() {
  std::string text = "no thread can go on";
  for (auto& cta : ctas_) {
    // Threads that wait for the same thing are named once.
    std::map<std::string, std::pair<uint32_t, uint32_t>> waits;  // first thread, how many
    for (Thread& thread : cta->threads) {
      if (thread.state != Thread::State::Waiting) continue;
      std::string what = std::string(thread.waits_for) + " at site " + names_[thread.site];
      if (thread.wait_detail != 0) what += " (" + std::to_string(thread.wait_detail) + ")";
      auto [entry, fresh] = waits.try_emplace(std::move(what), thread.index, 0);
      ++entry->second.second;
    }
    for (const auto& [what, who] : waits) {
      text += "; CTA " + std::to_string(cta->block) + ": " + std::to_string(who.second) + " threads from " + std::to_string(who.first) +
              " wait for " + what;
    }
    for (const auto& [address, slot] : cta->barriers) {
      const auto waits_here = [address = address](const Thread& thread) {
        return thread.state == Thread::State::Waiting && thread.wait_detail == address;
      };
      if (std::none_of(cta->threads.begin(), cta->threads.end(), waits_here)) continue;
      text += "; mbarrier " + std::to_string(address) + ": phase " + std::to_string(slot.barrier.phase) + ", " +
              std::to_string(slot.barrier.pending) + " of " + std::to_string(slot.barrier.expected) + " arrivals and " +
              std::to_string(slot.barrier.bytes) + " bytes missing";
    }
  }
  report(Fault::Deadlock, std::move(text));
}

void LaunchRun::finish_thread() {
  Thread& thread = *thread_;
  if (warp().arrived > 0) {
    report(Fault::Convergence, "a thread exits while others of its warp wait for it at site " + names_[warp().site]);
  }
  if (warpgroup().arrived > 0) {
    report(Fault::Convergence, "a thread exits while others of its warpgroup wait for it at site " + names_[warpgroup().site]);
  }
  for (PendingStore& store : cta_->stores) {
    if (store.thread == thread.index) report(Fault::Pending, "a thread exits before its TMA store at site " + names_[store.site] + " is complete");
  }
  thread.state = Thread::State::Exited;
  if (--cta_->alive > 0) return;
  if (!cta_->loads.empty()) report(Fault::Pending, "the CTA ends before the TMA load at site " + names_[cta_->loads.front().site] + " is complete");
  // A load that happened to arrive in time has still to be waited for by somebody.
  for (const auto& [address, slot] : cta_->barriers) {
    const uint32_t agent = cta_->agents.barrier(slot.number);
    uint32_t seen = 0;
    for (const Thread& each : cta_->threads) seen = std::max(seen, each.clock.seen(agent));
    if (seen < slot.completions) report(Fault::Pending, "the CTA ends and nobody has waited for the TMA load at site " + names_[slot.last_load]);
  }
  for (MatrixUnit& unit : cta_->units) {
    if (!unit.idle()) report(Fault::Pending, "the CTA ends while the wgmma of site " + names_[unit.oldest_site()] + " runs");
  }
}

// ---------------------------------------------------------------------------------------------------------------------------- sites

uint16_t LaunchRun::enter_site(Site site, SiteKind kind) {
  auto [entry, fresh] = numbers_.try_emplace(site.name, static_cast<uint16_t>(names_.size()));
  if (fresh) {
    // The same name may stand at several addresses.
    const auto same = std::find(names_.begin() + 1, names_.end(), site.name);
    if (same != names_.end()) {
      entry->second = static_cast<uint16_t>(same - names_.begin());
    } else {
      names_.emplace_back(site.name);
      records_.push_back({site.name, kind, 0});
      if (options_.mutation.change != Change::None && options_.mutation.site == site.name) mutated_site_ = entry->second;
    }
  }
  ++records_[entry->second].calls;
  at_mutation_ = entry->second == mutated_site_ && mutated_site_ != 0;
  return entry->second;
}

uint32_t LaunchRun::adjust(Site site, SiteKind kind, uint32_t value, uint32_t other) {
  enter_site(site, kind);
  if (!at_mutation_) return value;
  switch (options_.mutation.change) {
    case Change::OtherParity:
      return value ^ 1;
    case Change::ChunkPlus:
      return (value + 1) & 7;
    case Change::ChunkMinus:
      return (value - 1) & 7;
    case Change::LimitPlus:
      return value + 1;
    case Change::LimitMinus:
      return value == 0 ? 0 : value - 1;
    case Change::RingDepthMinusOne:
      return other;
    default:
      return value;
  }
}

uint64_t LaunchRun::adjust_descriptor(Site site, uint64_t descriptor) {
  enter_site(site, SiteKind::Descriptor);
  return at_mutation_ ? changed_descriptor(descriptor, options_.mutation.change) : descriptor;
}

void LaunchRun::poison_used(Site site, const char* where) {
  const uint16_t number = enter_site(site, SiteKind::Pure);
  report(Fault::Poison, std::string(where) + " at site " + names_[number] + " uses a value that does not exist yet");
}

// ---------------------------------------------------------------------------------------------------------------------- collectives

// True for the last of the threads to come, which then acts for all and calls release(); the others sleep meanwhile.
bool LaunchRun::gather(Gathering& place, uint32_t size, uint32_t position, SiteKind kind, uint16_t site, uint32_t value, const void* request) {
  if (place.arrived > 0 && (place.kind != kind || place.site != site)) {
    report(Fault::Convergence,
           "threads that must execute one instruction together have diverged: site " + names_[site] + " and site " + names_[place.site]);
  }
  place.kind = kind;
  place.site = site;
  place.values[position] = value;
  place.requests[position] = request;
  if (++place.arrived == size) return true;
  sleep(site, size == kWarpThreads ? "the other threads of the warp" : "the other threads of the warpgroup", 0);
  return false;
}

void LaunchRun::release(Gathering& place, uint32_t first, uint32_t size) {
  place.arrived = 0;
  for (uint32_t t = first; t < first + size; ++t) {
    if (t != thread_->index) make_ready(cta_->threads[t]);
  }
}

bool LaunchRun::gather_warp(SiteKind kind, uint16_t site, uint32_t value, const void* request) {
  const uint32_t lane = thread_->index % kWarpThreads;
  for (uint32_t t = thread_->index - lane; t < thread_->index - lane + kWarpThreads; ++t) {
    if (cta_->threads[t].state == Thread::State::Exited) report(Fault::Convergence, "a thread of the warp exited before site " + names_[site]);
  }
  return gather(warp(), kWarpThreads, lane, kind, site, value, request);
}

bool LaunchRun::gather_warpgroup(SiteKind kind, uint16_t site, const void* request) {
  const uint32_t position = thread_->index % kWarpgroupThreads, first = thread_->index - position;
  if (first + kWarpgroupThreads > options_.threads) report(Fault::Convergence, "site " + names_[site] + " needs a whole warpgroup");
  for (uint32_t t = first; t < first + kWarpgroupThreads; ++t) {
    if (cta_->threads[t].state == Thread::State::Exited) report(Fault::Convergence, "a thread of the warpgroup exited before site " + names_[site]);
  }
  // Threads of one warp that stand at a collective of the warp have diverged from those that come here.
  if (warp().arrived > 0) report(Fault::Convergence, "a warp is split between site " + names_[site] + " and site " + names_[warp().site]);
  return gather(warpgroup(), kWarpgroupThreads, position, SiteKind(kind), site, 0, request);
}

uint32_t LaunchRun::warp_exchange(Site name, WarpOperation operation, uint32_t value, uint32_t operand) {
  const uint16_t site = enter_site(name, SiteKind::WarpExchange);
  const uint32_t lane = thread_->index % kWarpThreads;
  Gathering& place = warp();
  // The operand may differ by lane (shuffle_index): kept beside the value.
  place.values[kWarpThreads + lane] = operand;
  if (!gather_warp(SiteKind::WarpExchange, site, value)) return thread_->result;
  const uint32_t first = thread_->index - lane;
  const uint32_t* values = place.values;
  uint32_t all = values[0];
  for (uint32_t l = 1; l < kWarpThreads; ++l) {
    if (operation == WarpOperation::Any) all |= values[l];
    if (operation == WarpOperation::Minimum) all = static_cast<uint32_t>(std::min(static_cast<int32_t>(all), static_cast<int32_t>(values[l])));
    if (operation == WarpOperation::Maximum) all = static_cast<uint32_t>(std::max(static_cast<int32_t>(all), static_cast<int32_t>(values[l])));
  }
  for (uint32_t l = 0; l < kWarpThreads; ++l) {
    uint32_t& result = cta_->threads[first + l].result;
    switch (operation) {
      case WarpOperation::Index:
        result = values[values[kWarpThreads + l] % kWarpThreads];
        break;
      case WarpOperation::Xor:
        result = values[(l ^ values[kWarpThreads + l]) % kWarpThreads];
        break;
      case WarpOperation::Opaque:
        result = values[l];
        break;
      default:
        result = all;
    }
  }
  release(place, first, kWarpThreads);
  return thread_->result;
}

void LaunchRun::learn(const Clock& clock) {
  const uint32_t own = thread_->clock.seen(thread_->index);
  thread_->clock.join(clock);
  thread_->clock.seen(thread_->index) = own;
  ++thread_->version;
}

void LaunchRun::warp_sync(Site name) {
  const uint16_t site = enter_site(name, SiteKind::WarpSync);
  if (mutated(Change::Drop)) return;
  if (!gather_warp(SiteKind::WarpSync, site)) return;
  const uint32_t first = thread_->index / kWarpThreads * kWarpThreads;
  Clock all = thread_->clock;
  for (uint32_t t = first; t < first + kWarpThreads; ++t) all.join(cta_->threads[t].clock);
  for (uint32_t t = first; t < first + kWarpThreads; ++t) {
    Thread& thread = cta_->threads[t];
    thread.clock.join(all);
    ++thread.clock.seen(t);
    ++thread.version;
  }
  release(warp(), first, kWarpThreads);
}

void LaunchRun::block_sync(Site name) {
  const uint16_t site = enter_site(name, SiteKind::BlockSync);
  if (mutated(Change::Drop)) return;
  arrive_at(0, options_.threads, true, site);
}

void LaunchRun::named_barrier(Site name, uint32_t id, uint32_t threads, bool wait) {
  const uint16_t site = enter_site(name, wait ? SiteKind::NamedSync : SiteKind::NamedArrive);
  if (mutated(Change::Drop)) return;
  if (id == 0 || id > 15) report(Fault::Barrier, names_[site] + ": named barriers are 1 to 15");
  arrive_at(id, threads, wait, site);
}

void LaunchRun::arrive_at(uint32_t id, uint32_t threads, bool wait, uint16_t site) {
  breathe();
  if (threads == 0 || threads % kWarpThreads != 0) report(Fault::Barrier, names_[site] + ": a barrier counts whole warps");
  // Whole warps come: the last lane counts all of them in.
  const uint32_t first = thread_->index / kWarpThreads * kWarpThreads;
  const bool last = gather_warp(wait ? SiteKind::NamedSync : SiteKind::NamedArrive, site, id);
  NamedBarrier& barrier = cta_->named[id];
  if (last) {
    Gathering& place = warp();
    if (barrier.arrived == 0) {
      barrier.expected = threads;
      barrier.clock.clear();
      barrier.waiting.clear();
    } else if (barrier.expected != threads) {
      report(Fault::Barrier, names_[site] + ": barrier " + std::to_string(id) + " is used with " + std::to_string(threads) +
                                 " threads here and with " + std::to_string(barrier.expected) + " at site " + names_[barrier.site]);
    }
    barrier.site = site;
    barrier.arrived += kWarpThreads;
    if (barrier.arrived > threads) report(Fault::Barrier, names_[site] + ": more threads than barrier " + std::to_string(id) + " counts");
    for (uint32_t t = first; t < first + kWarpThreads; ++t) {
      Thread& thread = cta_->threads[t];
      barrier.clock.join(thread.clock);
      ++thread.clock.seen(t);
      if (wait) barrier.waiting.push_back(t);
    }
    place.arrived = 0;
    const bool complete = barrier.arrived == threads;
    if (complete) {
      for (uint32_t t : barrier.waiting) {
        Thread& thread = cta_->threads[t];
        const uint32_t own = thread.clock.seen(t);
        thread.clock.join(barrier.clock);
        thread.clock.seen(t) = own;
        ++thread.version;
        if (t != thread_->index) make_ready(thread);
      }
      barrier.arrived = 0;
    }
    if (!wait) {
      for (uint32_t t = first; t < first + kWarpThreads; ++t) {
        if (t != thread_->index) make_ready(cta_->threads[t]);
      }
    } else if (!complete) {
      for (uint32_t t = first; t < first + kWarpThreads; ++t) {
        Thread& thread = cta_->threads[t];
        thread.site = site;
        thread.waits_for = id == 0 ? "the CTA's barrier" : "named barrier";
        thread.wait_detail = id;
      }
      sleep(site, id == 0 ? "the CTA's barrier" : "named barrier", id);
    }
  }
}

}  // namespace flexc::model
