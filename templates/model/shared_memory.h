// A CTA's shared memory, with the race detector. For each 4-byte word it remembers who wrote it last and who has read it since, as epochs of agents
// (clock.h); an access that is not ordered after them is a race whatever the schedule happened to be.
#pragma once
#include <cstring>
#include <string>
#include <vector>

#include "clock.h"
#include "report.h"

namespace flexc::model {

// One access, as the race detector sees it.
struct Access {
  uint32_t agent;      // who
  uint32_t epoch;      // when, on the agent's own clock
  const Clock* clock;  // what happened before it
  bool async;          // through the async proxy
  const char* what;    // for reports: "wgmma", "TMA load", ...
  uint16_t site;       // index into the machine's list of sites
};

class SharedMemory {
 public:
  // The first KiB belongs to CUDA; a CTA's dynamic shared memory begins after it.
  static constexpr uint32_t kBase = 0x400;
  static constexpr uint32_t kLimit = 232448;  // 227 KiB
  static constexpr uint32_t kWord = 4;

  struct Conflict {
    Fault fault;
    std::string text;
  };

  void reset(uint32_t bytes, uint32_t agents);
  bool contains(uint32_t address, uint32_t size) const { return address >= kBase && address - kBase <= bytes_ && size <= bytes_ - (address - kBase); }

  // False, and `conflict()`, where the access is against the rules. Addresses and sizes are multiples of 4.
  bool read(uint32_t address, uint32_t size, const Access& access, void* to);
  bool write(uint32_t address, uint32_t size, const Access& access, const void* from);
  // Nothing of value is there now (a copy to it has begun). No access.
  void poison(uint32_t address, uint32_t size);

  // Words of mbarriers belong to the barrier operations. The initialisation is a write of its thread.
  bool claim_barrier(uint32_t address, const Access& access);
  // Is the barrier's initialisation ordered before, and visible to the async proxy where that is asked?
  bool check_barrier(uint32_t address, const Access& access);

  const Conflict& conflict() const { return conflict_; }
  // Names of sites for the texts of conflicts.
  const std::vector<std::string>* site_names = nullptr;

 private:
  static constexpr uint32_t kNobody = 0xffff'ffff;
  struct Word {
    uint32_t writer = kNobody, write_epoch = 0;
    uint32_t reader = kNobody, read_epoch = 0;
    int32_t more_readers = -1;  // index into many_: an epoch for every agent
    uint16_t write_site = 0, read_site = 0;
    bool written_async = false, barrier = false;
  };

  bool fail(Fault fault, uint32_t address, const Access& access, const char* verb, const std::string& rest);
  bool bounds(uint32_t address, uint32_t size, const Access& access, const char* verb);
  bool after_write(uint32_t address, const Word& word, const Access& access, const char* verb);
  void add_reader(Word& word, const Access& access);
  std::string site(uint16_t index) const;

  uint32_t bytes_ = 0, agents_ = 0;
  std::vector<unsigned char> data_;
  std::vector<Word> words_;
  std::vector<std::vector<uint32_t>> many_;
  std::vector<int32_t> free_;
  Conflict conflict_;
};

}  // namespace flexc::model
