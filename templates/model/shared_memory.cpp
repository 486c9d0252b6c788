#include "shared_memory.h"

#include "machine.h"

namespace flexc::model {
namespace {

std::string hexadecimal(uint32_t value) {
  std::string text = "0x";
  for (int shift = 16; shift >= 0; shift -= 4) text += "0123456789abcdef"[(value >> shift) & 15];
  return text;
}

}  // namespace

void SharedMemory::reset(uint32_t bytes, uint32_t agents) {
  bytes_ = bytes;
  agents_ = agents;
  data_.resize(bytes);
  poison(kBase, bytes);
  words_.assign(bytes / kWord, Word{});
  many_.clear();
  free_.clear();
}

void SharedMemory::poison(uint32_t address, uint32_t size) {
  for (uint32_t i = 0; i + kWord <= size; i += kWord) std::memcpy(&data_[address - kBase + i], &kPoison, kWord);
}

std::string SharedMemory::site(uint16_t index) const {
  return site_names != nullptr && index < site_names->size() ? (*site_names)[index] : std::string("?");
}

bool SharedMemory::fail(Fault fault, uint32_t address, const Access& access, const char* verb, const std::string& rest) {
  conflict_ = {fault, std::string(access.what) + " at site " + site(access.site) + " " + verb + " shared memory at " + hexadecimal(address) + rest};
  return false;
}

bool SharedMemory::bounds(uint32_t address, uint32_t size, const Access& access, const char* verb) {
  if (!contains(address, size)) return fail(Fault::Bounds, address, access, verb, ", outside of the CTA's " + std::to_string(bytes_) + " bytes");
  if (address % kWord != 0) return fail(Fault::Bounds, address, access, verb, ", misaligned");
  return true;
}

bool SharedMemory::after_write(uint32_t address, const Word& word, const Access& access, const char* verb) {
  if (word.writer == kNobody) return true;
  if (access.clock->seen(word.writer) < word.write_epoch) {
    return fail(Fault::Race, address, access, verb, ", and nothing orders it after the write at site " + site(word.write_site));
  }
  if (access.async && !word.written_async && access.clock->visible(word.writer) < word.write_epoch) {
    return fail(Fault::ProxyFence, address, access, verb,
                " through the async proxy, with no proxy fence after the ordinary write at site " + site(word.write_site));
  }
  return true;
}

void SharedMemory::add_reader(Word& word, const Access& access) {
  if (word.more_readers >= 0) {
    many_[word.more_readers][access.agent] = access.epoch;
    word.read_site = access.site;
    return;
  }
  // A read that is ordered after the one on record stands for both.
  if (word.reader == kNobody || word.reader == access.agent || access.clock->seen(word.reader) >= word.read_epoch) {
    word.reader = access.agent;
    word.read_epoch = access.epoch;
    word.read_site = access.site;
    return;
  }
  if (free_.empty()) {
    free_.push_back(static_cast<int32_t>(many_.size()));
    many_.emplace_back(agents_);
  }
  word.more_readers = free_.back();
  free_.pop_back();
  auto& readers = many_[word.more_readers];
  std::fill(readers.begin(), readers.end(), 0);
  readers[word.reader] = word.read_epoch;
  readers[access.agent] = access.epoch;
  word.read_site = access.site;
}

bool SharedMemory::read(uint32_t address, uint32_t size, const Access& access, void* to) {
  if (!bounds(address, size, access, "reads")) return false;
  for (uint32_t at = address; at < address + size; at += kWord) {
    Word& word = words_[(at - kBase) / kWord];
    if (word.barrier) return fail(Fault::Barrier, at, access, "reads", ", which holds an mbarrier");
    if (word.writer == kNobody) return fail(Fault::Uninitialised, at, access, "reads", ", which nobody has written");
    if (!after_write(at, word, access, "reads")) return false;
    add_reader(word, access);
  }
  std::memcpy(to, &data_[address - kBase], size);
  return true;
}

bool SharedMemory::write(uint32_t address, uint32_t size, const Access& access, const void* from) {
  if (!bounds(address, size, access, "writes")) return false;
  for (uint32_t at = address; at < address + size; at += kWord) {
    Word& word = words_[(at - kBase) / kWord];
    if (word.barrier) return fail(Fault::Barrier, at, access, "writes", ", which holds an mbarrier");
    if (!after_write(at, word, access, "writes")) return false;
    bool ordered = word.reader == kNobody || access.clock->seen(word.reader) >= word.read_epoch;
    if (word.more_readers >= 0) {
      const auto& readers = many_[word.more_readers];
      for (uint32_t a = 0; a < agents_; ++a) ordered &= readers[a] <= access.clock->seen(a);
      if (ordered) {
        free_.push_back(word.more_readers);
        word.more_readers = -1;
      }
    }
    if (!ordered) return fail(Fault::Race, at, access, "writes", ", and nothing orders it after the read at site " + site(word.read_site));
    word.reader = kNobody;
    word.writer = access.agent;
    word.write_epoch = access.epoch;
    word.write_site = access.site;
    word.written_async = access.async;
  }
  std::memcpy(&data_[address - kBase], from, size);
  return true;
}

bool SharedMemory::claim_barrier(uint32_t address, const Access& access) {
  if (!bounds(address, 8, access, "initialises an mbarrier in")) return false;
  if (address % 8 != 0) return fail(Fault::Bounds, address, access, "initialises an mbarrier in", ", misaligned");
  const uint32_t nothing[2] = {kPoison, kPoison};
  if (!write(address, 8, access, nothing)) return false;
  words_[(address - kBase) / kWord].barrier = words_[(address - kBase) / kWord + 1].barrier = true;
  return true;
}

bool SharedMemory::check_barrier(uint32_t address, const Access& access) {
  if (!bounds(address, 8, access, "uses an mbarrier in")) return false;
  const Word& word = words_[(address - kBase) / kWord];
  if (!word.barrier || address % 8 != 0) return fail(Fault::Barrier, address, access, "uses", ", where no mbarrier was initialised");
  return after_write(address, word, access, "uses the mbarrier in");
}

}  // namespace flexc::model
