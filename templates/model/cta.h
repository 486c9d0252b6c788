// A CTA of a running launch: its threads, and everything that they share.
#pragma once
#include <map>
#include <memory>
#include <vector>

#include "fiber.h"
#include "mbarrier.h"
#include "mma.h"
#include "simulator.h"
#include "tensor_map.h"

namespace flexc::model {

// Numbers of the agents of a CTA's clocks (clock.h).
struct Agents {
  static constexpr uint32_t kMostBarriers = 64, kMostWarpgroups = 16, kMostStorers = 16;
  explicit Agents(uint32_t threads) : threads(threads) {}
  uint32_t thread(uint32_t t) const { return t; }
  uint32_t barrier(uint32_t i) const { return threads + i; }
  uint32_t warpgroup(uint32_t i) const { return threads + kMostBarriers + i; }
  uint32_t storer(uint32_t i) const { return threads + kMostBarriers + kMostWarpgroups + i; }
  uint32_t count() const { return threads + kMostBarriers + kMostWarpgroups + kMostStorers; }
  uint32_t threads;
};

struct Thread {
  enum class State : uint8_t { Ready, Waiting, Exited };

  FiberContext context;
  uint32_t block = 0, index = 0;
  State state = State::Ready;
  // For the report of a deadlock: at which site, for what.
  uint16_t site = 0;
  const char* waits_for = "";
  uint32_t wait_detail = 0;

  Clock clock;
  uint32_t result = 0;   // of the collective operation that woke it
  uint64_t version = 0;  // changes when the clock learns something

  // Stores by TMA, in order: the group that is open, and the next one to commit.
  int storer = -1;  // its number among the CTA's agents
  uint32_t stores = 0, store_groups = 0;
};

// A place where the threads of a warp or a warpgroup come together for one instruction.
struct Gathering {
  uint32_t arrived = 0;
  SiteKind kind = SiteKind::Pure;
  uint16_t site = 0;
  uint32_t values[kWarpgroupThreads] = {};
  const void* requests[kWarpgroupThreads] = {};
};

struct NamedBarrier {
  uint32_t expected = 0, arrived = 0;
  std::vector<uint32_t> waiting;  // threads
  Clock clock;
  uint16_t site = 0;
};

struct BarrierSlot {
  Mbarrier barrier;
  uint32_t number = 0;  // among the CTA's agents
  uint32_t completions = 0;
  uint16_t last_load = 0;  // the site of the last completion
};

struct PendingLoad {
  uint32_t to, barrier;
  TensorMap map;
  int32_t coordinates[TensorMap::kMostDimensions];
  Clock before;
  uint16_t site;
  uint32_t thread;
};

struct PendingStore {
  uint32_t from;
  TensorMap map;
  int32_t coordinates[TensorMap::kMostDimensions];
  Clock before;
  uint16_t site;
  uint32_t thread, epoch;
  int64_t group = -1;  // of its thread; -1: not committed
  bool read = false, written = false;
  std::vector<unsigned char> data;  // the box, once read
};

struct Cta {
  explicit Cta(uint32_t threads) : agents(threads) {}

  Agents agents;
  uint32_t block = 0, alive = 0;
  std::vector<Thread> threads;
  SharedMemory memory;
  std::map<uint32_t, BarrierSlot> barriers;
  NamedBarrier named[16];
  std::vector<Gathering> warps, warpgroups;
  std::vector<MatrixUnit> units;
  std::vector<Clock> meet;  // what all threads of a warpgroup had seen, kept while `meet_version` holds
  std::vector<uint64_t> meet_version;
  std::vector<PendingLoad> loads;
  std::vector<PendingStore> stores;
  uint32_t storers = 0;
  // setmaxnreg: registers of a thread of each warpgroup, and the CTA's pool.
  std::vector<uint32_t> registers;
  uint32_t pool = 0;
};

}  // namespace flexc::model
