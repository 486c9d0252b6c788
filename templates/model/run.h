// One launch. The scheduler and the collective instructions are in run.cpp, the mbarriers and TMA in run_async.cpp, wgmma and memory in
// run_threads.cpp.
#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include "cta.h"

namespace flexc::model {

class LaunchRun final : public Machine {
 public:
  LaunchRun(const LaunchOptions& options, KernelEntry kernel, void* arguments, FiberStacks& stacks);
  LaunchResult run();

  uint32_t adjust(Site, SiteKind, uint32_t value, uint32_t other) override;
  uint64_t adjust_descriptor(Site, uint64_t descriptor) override;
  void poison_used(Site, const char* where) override;
  uint32_t warp_exchange(Site, WarpOperation, uint32_t value, uint32_t operand) override;
  void warp_sync(Site) override;
  void block_sync(Site) override;
  void named_barrier(Site, uint32_t id, uint32_t threads, bool wait) override;
  void mbarrier_init(Site, uint32_t barrier, uint32_t count) override;
  void mbarrier_init_fence(Site) override;
  void mbarrier_arrive(Site, uint32_t barrier, bool predicate) override;
  void mbarrier_arrive_expect_tx(Site, uint32_t barrier, uint32_t bytes) override;
  void mbarrier_wait(Site, uint32_t barrier, uint32_t parity) override;
  void tma_load(Site, uint32_t to, const void* map, uint32_t barrier, const int32_t* coordinates, int rank) override;
  void tma_store(Site, const void* map, uint32_t from, const int32_t* coordinates, int rank) override;
  void tma_store_commit(Site) override;
  void tma_store_wait(Site, int pending, bool read_only) override;
  void proxy_fence(Site) override;
  void mma_fence(Site) override;
  void mma_commit(Site) override;
  void mma_wait(Site, int pending, const float* accumulator) override;
  void mma(Site, const MmaRequest&) override;
  void set_registers(Site, uint32_t registers, bool raise) override;
  uint32_t shared_load(Site, uint32_t address) override;
  void shared_load_four(Site, uint32_t address, float* to) override;
  void shared_store(Site, uint32_t address, uint32_t value) override;
  void matrix_store(Site, uint32_t address, const uint32_t* matrices) override;

 private:
  static void enter(void* thread);

  // The scheduler.
  void build(uint32_t block);
  void make_ready(Thread& thread);
  void sleep(uint16_t site, const char* waits_for, uint32_t detail);  // until make_ready
  void breathe();                                                     // perhaps let another thread run
  void resume_scheduler();
  [[noreturn]] void abandon();
  void report(Fault fault, std::string text);
  void report_deadlock();
  void finish_thread();
  uint64_t random();
  bool advance_async(bool forced);  // false: nothing to do

  // Sites.
  uint16_t enter_site(Site site, SiteKind kind);
  bool mutated(Change change) const { return at_mutation_ && options_.mutation.change == change; }

  // Collectives.
  bool gather(Gathering& place, uint32_t size, uint32_t position, SiteKind kind, uint16_t site, uint32_t value, const void* request);
  void release(Gathering& place, uint32_t first, uint32_t size);
  Gathering& warp() { return cta_->warps[thread_->index / kWarpThreads]; }
  Gathering& warpgroup() { return cta_->warpgroups[thread_->index / kWarpgroupThreads]; }
  MatrixUnit& unit() { return cta_->units[thread_->index / kWarpgroupThreads]; }
  bool gather_warp(SiteKind kind, uint16_t site, uint32_t value = 0, const void* request = nullptr);
  bool gather_warpgroup(SiteKind kind, uint16_t site, const void* request = nullptr);
  void arrive_at(uint32_t id, uint32_t threads, bool wait, uint16_t site);

  // Clocks.
  void learn(const Clock& clock);
  void tick() { ++thread_->clock.seen(thread_->index); }
  Access access(const char* what, uint16_t site) const;
  void check(bool fine);

  // Asynchronous work.
  BarrierSlot* barrier_at(uint32_t address, uint16_t site, const char* what, bool async);
  void settle(Cta& cta, uint32_t address, Mbarrier::Outcome outcome, uint16_t site);
  TensorMap decode_map(const void* map, int rank, uint32_t shared_address, uint16_t site);
  void complete_load(Cta& cta, size_t index);
  void read_store(Cta& cta, PendingStore& store);
  void write_store(PendingStore& store);
  void wake(Cta& cta, const char* waits_for, uint32_t detail);
  bool take_fault(MatrixUnit::Outcome fault, uint16_t site);

  LaunchOptions options_;
  KernelEntry kernel_;
  void* arguments_;
  FiberStacks& stacks_;
  std::vector<std::unique_ptr<Cta>> ctas_;
  std::vector<Thread*> ready_;
  Cta* cta_ = nullptr;  // the running thread's
  Thread* thread_ = nullptr;
  FiberContext scheduler_;
  bool stopped_ = false;
  uint64_t random_state_;
  LaunchResult result_;

  std::vector<std::string> names_{"?"};
  std::unordered_map<const char*, uint16_t> numbers_;
  std::vector<SiteRecord> records_{SiteRecord{}};
  uint16_t mutated_site_ = 0;
  bool at_mutation_ = false;
};

}  // namespace flexc::model
