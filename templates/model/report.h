// What the model has to say about a run.
#pragma once
#include <cstdint>
#include <string>

namespace flexc::model {

enum class Fault : uint8_t {
  Race,           // two accesses of shared memory that nothing orders
  ProxyFence,     // ordered, but for want of a proxy fence the async proxy may not see the write
  Uninitialised,  // shared memory read that nobody wrote
  Poison,         // a value was used that does not exist yet
  InFlight,       // a register was touched that belongs to a running wgmma
  RegisterFence,  // wgmma without wgmma.fence after its registers were touched
  Descriptor,     // matrix descriptor outside the rules
  TensorMap,      // tensor map or TMA call outside the rules
  Bounds,         // address outside of shared memory or misaligned
  Barrier,        // mbarrier or named barrier used against its rules
  Convergence,    // .aligned or .sync instruction that not all of its threads execute
  RegisterPool,   // setmaxnreg against its rules
  Pending,        // the CTA ends while asynchronous work on its memory or registers runs
  Deadlock,
  NoProgress,  // the limit on steps was reached
  Resources,   // the machine cannot run this launch (shared memory, threads, host memory)
};

const char* fault_name(Fault);

struct Report {
  Fault fault;
  std::string text;  // one sentence, with the sites that it concerns
  uint32_t block = 0, thread = 0;
};

}  // namespace flexc::model
