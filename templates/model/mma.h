// The matrix unit of one warpgroup: products that have been started and run behind the threads' backs.
//
// A product owns its accumulator from the moment it starts until a wgmma.wait_group that covers it: the registers hold poison meanwhile, and what
// comes out is written at the wait, which is as late as is legal. Its operands are read at a moment of the completion policy's choice in between.
#pragma once
#include <memory>
#include <vector>

#include "layouts.h"
#include "machine.h"
#include "shared_memory.h"

namespace flexc::model {

class MatrixUnit {
 public:
  struct Fault_ {
    Fault fault;
    std::string text;
  };
  using Outcome = std::unique_ptr<Fault_>;  // null: nothing to report

  void reset(uint32_t agent, SharedMemory* memory);

  // wgmma.fence, wgmma.commit_group.
  void fence();
  void commit();
  // Starts a product. requests: one a thread. `before`: what all threads of the warpgroup had seen.
  Outcome start(const MmaRequest* const* requests, Clock before, uint16_t site);
  // Reads the operands of the oldest product that has not done so. False where there is none.
  bool has_unread() const { return next_unread_ < products_.size(); }
  Outcome read_oldest();
  // wgmma.wait_group: finishes all but the `pending` newest groups. finished() then tells the epoch that the waiting threads have seen.
  Outcome wait(int pending);
  uint32_t finished() const { return finished_; }
  bool owns(const float* accumulator_of_thread_0) const;
  bool idle() const { return products_.empty(); }
  uint16_t oldest_site() const { return products_.empty() ? 0 : products_.front().site; }

 private:
  struct Accumulator {
    float* registers[kWarpgroupThreads];
    int n = 0;
    int running = 0;              // products that have it
    std::vector<float> values;    // 64 x n, while running
    uint64_t touched = 0;         // when threads last got it back; a fence has to follow
    std::vector<float> at_fence;  // contents at the last fence, thread by thread; empty: not known then
  };
  struct Fragments {  // A in registers
    const uint32_t* registers[kWarpgroupThreads];
    int words = 0;
    std::vector<uint32_t> at_fence;
  };
  struct Product {
    MmaRequest request;
    size_t accumulator;
    uint32_t epoch;
    int64_t group = -1;  // -1: not committed
    uint16_t site;
    bool read = false;
    Clock before;
    std::vector<uint32_t> a;  // the fragments as they were when it started
    const uint32_t* a_registers[kWarpgroupThreads];
  };

  size_t find_accumulator(const MmaRequest* const* requests);
  Fragments& find_fragments(const MmaRequest* const* requests);
  Outcome check_registers(const Accumulator&, bool known, const Fragments*, bool fragments_known);
  Outcome compute(Product&);
  bool load_a(const Product&, int step, float* a);
  bool load_b(const Product&, int step, float* b);
  Outcome finish(Product&);

  uint32_t agent_ = 0;
  SharedMemory* memory_ = nullptr;
  uint32_t started_ = 0, finished_ = 0;
  uint64_t time_ = 0, fence_time_ = 0;
  int64_t groups_ = 0;
  std::vector<Accumulator> accumulators_;
  std::vector<Fragments> fragments_;
  std::vector<Product> products_;  // oldest first
  size_t next_unread_ = 0;
};

}  // namespace flexc::model
