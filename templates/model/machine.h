// What a thread of a kernel can ask of the host model of Hopper. primitives.h, which kernels include instead of templates/hopper/primitives.cuh,
// stands on this interface; simulator.h implements it. Nothing but declarations: a kernel compiled at run time needs this header and no library.
#pragma once
#include <cstdint>

namespace flexc::model {

// The name of a call of a primitive in a kernel; reports and mutations refer to it.
struct Site {
  const char* name;
};

// What kind of primitive a site is, which says how it can be falsified (mutation.h).
enum class SiteKind : uint8_t {
  WarpExchange,
  WarpSync,
  BlockSync,
  NamedSync,
  NamedArrive,
  BarrierInit,
  BarrierInitFence,
  BarrierArrive,
  BarrierExpect,
  BarrierWait,
  RingStage,
  RingParity,
  TmaLoad,
  TmaStore,
  TmaCommit,
  TmaWaitRead,
  TmaWait,
  ProxyFence,
  Descriptor,
  MmaFence,
  MmaCommit,
  MmaWait,
  Mma,
  RaiseRegisters,
  LowerRegisters,
  SharedLoad,
  SharedStore,
  MatrixStore,
  SwizzledChunk,
  MaskBits,
  AtomicAdd,
  Pure,
};

// 32-bit pattern of registers and shared memory that hold nothing yet: a NaN as f32, and two NaNs as bf16 or f16.
constexpr uint32_t kPoison = 0x7fd7'7fd7;
constexpr bool is_poison(uint32_t bits) { return (bits & 0x7fff'ffff) == kPoison; }

enum class WarpOperation : uint8_t { Index, Xor, Any, Minimum, Maximum, Opaque };

enum class MmaElement : uint8_t { Bf16, F16 };

// A chain of wgmma.m64nNk16 that share an accumulator, as one call issues them. Called by the 128 threads of a warpgroup.
struct MmaRequest {
  MmaElement element;
  int n;                        // columns of the accumulator
  int steps;                    // instructions
  bool overwrite;               // the first instruction has scale-d = 0
  bool b_mn_major;              // imm-trans-b
  float* accumulator;           // this thread's n / 2 registers
  const uint32_t* a_registers;  // this thread's 4 registers a step, or null: A is in shared memory
  uint64_t a_descriptor, b_descriptor;
  // What is added to the 64-bit descriptors for instruction s.
  uint64_t (*a_step)(int s);
  uint64_t (*b_step)(int s);
};

struct Coordinates {
  uint32_t thread = 0, block = 0, blocks = 1;
};

class Machine {
 public:
  // The running thread's. Kept up to date by the scheduler, so that asking costs nothing.
  Coordinates self;
  // True while sites are recorded or one is mutated: only then do pure primitives ask `adjust`.
  bool watching = false;
  // Not 0: approximate units err, by a function of this number and the argument.
  uint32_t approximation_salt = 0;

  virtual uint32_t adjust(Site, SiteKind, uint32_t value, uint32_t other) = 0;
  virtual uint64_t adjust_descriptor(Site, uint64_t descriptor) = 0;
  virtual void poison_used(Site, const char* where) = 0;

  virtual uint32_t warp_exchange(Site, WarpOperation, uint32_t value, uint32_t operand) = 0;
  virtual void warp_sync(Site) = 0;
  virtual void block_sync(Site) = 0;
  virtual void named_barrier(Site, uint32_t id, uint32_t threads, bool wait) = 0;

  virtual void mbarrier_init(Site, uint32_t barrier, uint32_t count) = 0;
  virtual void mbarrier_init_fence(Site) = 0;
  virtual void mbarrier_arrive(Site, uint32_t barrier, bool predicate) = 0;
  virtual void mbarrier_arrive_expect_tx(Site, uint32_t barrier, uint32_t bytes) = 0;
  virtual void mbarrier_wait(Site, uint32_t barrier, uint32_t parity) = 0;

  virtual void tma_load(Site, uint32_t to, const void* map, uint32_t barrier, const int32_t* coordinates, int rank) = 0;
  virtual void tma_store(Site, const void* map, uint32_t from, const int32_t* coordinates, int rank) = 0;
  virtual void tma_store_commit(Site) = 0;
  virtual void tma_store_wait(Site, int pending, bool read_only) = 0;
  virtual void proxy_fence(Site) = 0;

  virtual void mma_fence(Site) = 0;
  virtual void mma_commit(Site) = 0;
  // `accumulator` is used after this: a report where one of the groups that may still run owns it. Null: none.
  virtual void mma_wait(Site, int pending, const float* accumulator) = 0;
  virtual void mma(Site, const MmaRequest&) = 0;
  virtual void set_registers(Site, uint32_t registers, bool raise) = 0;

  virtual uint32_t shared_load(Site, uint32_t address) = 0;
  virtual void shared_load_four(Site, uint32_t address, float* to) = 0;
  virtual void shared_store(Site, uint32_t address, uint32_t value) = 0;
  virtual void matrix_store(Site, uint32_t address, const uint32_t* matrices) = 0;

 protected:
  ~Machine() = default;
};

// The machine of the calling thread of the operating system: set where a kernel's thread starts.
inline thread_local Machine* machine = nullptr;

}  // namespace flexc::model
