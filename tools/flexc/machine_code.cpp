#include "tools/flexc/machine_code.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <queue>
#include <set>
#include <string>
#include <vector>

namespace flexc::cli {
namespace {

struct Instruction {
  std::string_view guard, opcode, operands;
  std::string_view base() const { return opcode.substr(0, opcode.find('.')); }
};

struct Block {
  std::vector<Instruction> instructions;
  std::set<std::size_t> after, before;
};

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) { return std::ranges::find(words, word) != words.end(); }

bool ends_block(std::string_view base) { return is_one_of(base, {"BRA", "BRX", "JMP", "EXIT", "RET", "BSYNC", "BREAK", "KILL"}); }

/// The labels that operands name: `(.L_x_3)
std::vector<std::string_view> targets(std::string_view operands) {
  std::vector<std::string_view> found;
  for (std::size_t at = operands.find("`("); at != std::string_view::npos; at = operands.find("`(", at + 2)) {
    const std::size_t end = operands.find(')', at);
    if (end == std::string_view::npos) break;
    found.push_back(operands.substr(at + 2, end - at - 2));
  }
  return found;
}

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t"), end = text.find_last_not_of(" \t\r");
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin, end - begin + 1);
}

/// `/*0a40*/ @!P0 BRA `(.L_x_3) ;` without its address.
std::optional<Instruction> parse(std::string_view line) {
  line = trim(line);
  const std::size_t address_end = line.find("*/");
  if (!line.starts_with("/*") || address_end == std::string_view::npos) return {};
  line = trim(line.substr(address_end + 2));
  const std::size_t end = line.find(';');
  if (end == std::string_view::npos || line.starts_with("/*")) return {};
  line = trim(line.substr(0, end));
  Instruction instruction;
  if (line.starts_with('@')) {
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) return {};
    instruction.guard = line.substr(1, space - 1);
    line = trim(line.substr(space));
  }
  const std::size_t space = line.find(' ');
  instruction.opcode = line.substr(0, space);
  if (space != std::string_view::npos) instruction.operands = trim(line.substr(space));
  return instruction;
}

/// The first operand: the barrier of BSSY and BSYNC.
std::string_view first_operand(const Instruction& instruction) { return trim(instruction.operands.substr(0, instruction.operands.find(','))); }

class Graph {
 public:
  explicit Graph(std::string_view listing) {
    std::map<std::string_view, std::size_t> labels;
    bool open = false;
    for (std::size_t at = 0; at < listing.size();) {
      const std::size_t end = std::min(listing.find('\n', at), listing.size());
      const std::string_view line = listing.substr(at, end - at);
      at = end + 1;
      if (line.starts_with(".L_") && line.find(':') != std::string_view::npos) {
        open = false;
        labels[line.substr(0, line.find(':'))] = blocks_.size();
      } else if (const auto instruction = parse(line)) {
        if (!open) blocks_.emplace_back();
        blocks_.back().instructions.push_back(*instruction);
        open = !ends_block(instruction->base());
      }
    }
    for (std::size_t n = 0; n < blocks_.size(); ++n) connect(n, labels);
    join(labels);
    for (std::size_t n = 0; n < blocks_.size(); ++n)
      for (std::size_t next : blocks_[n].after) blocks_[next].before.insert(n);
  }

  /// The loop of one entry whose body has the most products, and of those the smallest; false where there is none.
  bool find_main_loop() {
    unsigned most = 0;
    for (const std::size_t last : reachable({})) {
      for (const std::size_t first : blocks_[last].after) {
        if (first > last || !dominates(first, last)) continue;
        std::set<std::size_t> body{first};
        std::vector<std::size_t> open{last};
        while (!open.empty()) {
          const std::size_t n = open.back();
          open.pop_back();
          if (body.insert(n).second) open.insert(open.end(), blocks_[n].before.begin(), blocks_[n].before.end());
        }
        unsigned products = 0;
        for (std::size_t n : body) products += static_cast<unsigned>(std::ranges::count(blocks_[n].instructions, "HGMMA", &Instruction::base));
        if (products == 0) continue;
        loops_.push_back({first, products, std::move(body)});
      }
    }
    // An outer loop repeats the main loop, and has more products than it: those before and behind.
    for (const Loop& loop : loops_) {
      const bool is_innermost = std::ranges::none_of(loops_, [&](const Loop& other) { return other.body.size() < loop.body.size() && loop.body.contains(other.first) && other.first != loop.first; });
      if (is_innermost && loop.products > most) {
        most = loop.products;
        main_ = &loop;
      }
    }
    return main_ != nullptr;
  }

  MainLoop measure() const {
    MainLoop loop;
    for (const std::size_t n : shortest_turn()) {
      for (const std::size_t last : blocks_[n].before)  // a way back to this block that does not leave the main loop
        loop.has_loop |= n != main_->first && main_->body.contains(last) && last >= n && dominates(n, last) && !retries_a_wait(n, last);
      for (const Instruction& instruction : blocks_[n].instructions) {
        ++loop.slots;
        loop.exponentials += instruction.base() == "MUFU";
        if (instruction.base() != "HGMMA") continue;
        // HGMMA.64x128x16.F32.BF16: 64 rows by 128 columns by 16, at the peak rate in half as many clocks as columns
        unsigned columns = 0;
        const std::string_view shape = instruction.opcode.substr(std::min(instruction.opcode.size(), sizeof("HGMMA.64x") - 1));
        std::from_chars(shape.data(), shape.data() + shape.size(), columns);
        ++loop.products;
        loop.tensor_clocks += columns / 2;
        if (instruction.operands.find(".tnspB") == std::string_view::npos) loop.keys = columns;  // QK; V alone is transposed
      }
    }
    return loop;
  }

 private:
  struct Loop {
    std::size_t first;
    unsigned products;
    std::set<std::size_t> body;
  };

  void connect(std::size_t n, const std::map<std::string_view, std::size_t>& labels) {
    const Instruction& last = blocks_[n].instructions.back();
    const std::string_view base = last.base();
    if (is_one_of(base, {"BRA", "BRX", "JMP"}))
      for (std::string_view target : targets(last.operands)) go_to(n, target, labels);
    const bool is_certain = is_one_of(last.guard, {"", "PT", "UPT"}) && !last.opcode.starts_with("BRA.DIV") && !last.opcode.starts_with("BRA.CONV");
    const std::string_view condition = last.operands.substr(last.operands.starts_with('!') ? 1 : 0);
    const bool has_condition = base == "BRA" && (condition.starts_with("P") || condition.starts_with("UP"));
    if ((!ends_block(base) || !is_certain || has_condition) && n + 1 < blocks_.size()) blocks_[n].after.insert(n + 1);
  }

  void go_to(std::size_t n, std::string_view target, const std::map<std::string_view, std::size_t>& labels) {
    const auto found = labels.find(target);
    if (found != labels.end() && found->second < blocks_.size()) blocks_[n].after.insert(found->second);
  }

  /// BSYNC goes where the BSSY says that set its barrier: each BSSY is followed to the BSYNCs that it reaches, until no edge is new.
  void join(const std::map<std::string_view, std::size_t>& labels) {
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t first = 0; first < blocks_.size(); ++first) {
        for (std::size_t at = 0; at < blocks_[first].instructions.size(); ++at) {
          const Instruction& set = blocks_[first].instructions[at];
          if (set.base() == "BSSY") changed |= follow(first, at + 1, first_operand(set), targets(set.operands), labels);
        }
      }
    }
  }

  bool follow(std::size_t first, std::size_t from, std::string_view barrier, const std::vector<std::string_view>& wanted, const std::map<std::string_view, std::size_t>& labels) {
    bool changed = false;
    std::set<std::size_t> seen;
    std::vector<std::pair<std::size_t, std::size_t>> open{{first, from}};
    while (!open.empty()) {
      const auto [n, begin] = open.back();
      open.pop_back();
      bool passes = true;
      for (std::size_t i = begin; i < blocks_[n].instructions.size() && passes; ++i) {
        const Instruction& instruction = blocks_[n].instructions[i];
        if (!is_one_of(instruction.base(), {"BSSY", "BSYNC"}) || first_operand(instruction) != barrier) continue;
        passes = false;
        if (instruction.base() == "BSSY") break;
        const std::size_t before = blocks_[n].after.size();
        for (std::string_view target : wanted) go_to(n, target, labels);
        changed |= blocks_[n].after.size() != before;
      }
      if (passes)
        for (std::size_t next : blocks_[n].after)
          if (seen.insert(next).second) open.emplace_back(next, 0);
    }
    return changed;
  }

  /// Blocks that the entry reaches, not through `without`.
  std::set<std::size_t> reachable(std::optional<std::size_t> without) const {
    std::set<std::size_t> seen;
    std::vector<std::size_t> open;
    if (!blocks_.empty() && without != std::size_t{0}) open.push_back(0);
    while (!open.empty()) {
      const std::size_t n = open.back();
      open.pop_back();
      if (!seen.insert(n).second) continue;
      for (std::size_t next : blocks_[n].after)
        if (next != without) open.push_back(next);
    }
    return seen;
  }

  bool dominates(std::size_t a, std::size_t b) const { return a == b || !reachable(a).contains(b); }

  /// From `first` to `last` and back is the wait for a barrier, which is tried again.
  bool retries_a_wait(std::size_t first, std::size_t last) const {
    for (std::size_t n = first; n <= last; ++n)
      for (const Instruction& instruction : blocks_[n].instructions)
        if (instruction.opcode.find("TRYWAIT") != std::string_view::npos) return true;
    return false;
  }

  /// The blocks of the turn with the fewest instructions.
  std::vector<std::size_t> shortest_turn() const {
    std::map<std::size_t, std::pair<std::size_t, std::size_t>> best;  // block -> instructions up to its end, the block before
    using Entry = std::pair<std::size_t, std::size_t>;
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> open;
    best[main_->first] = {blocks_[main_->first].instructions.size(), main_->first};
    open.emplace(best[main_->first].first, main_->first);
    std::optional<std::size_t> last;
    while (!open.empty()) {
      const auto [size, n] = open.top();
      open.pop();
      if (best[n].first != size) continue;
      if (blocks_[n].after.contains(main_->first)) {
        last = n;  // the first that comes out is the nearest
        break;
      }
      for (std::size_t next : blocks_[n].after) {
        const std::size_t longer = size + blocks_[next].instructions.size();
        if (!main_->body.contains(next) || (best.contains(next) && best[next].first <= longer)) continue;
        best[next] = {longer, n};
        open.emplace(longer, next);
      }
    }
    std::vector<std::size_t> turn;
    for (std::size_t n = *last; n != main_->first; n = best[n].second) turn.push_back(n);
    turn.push_back(main_->first);
    return turn;
  }

  std::vector<Block> blocks_;
  std::vector<Loop> loops_;
  const Loop* main_ = nullptr;
};

}  // namespace

std::optional<MainLoop> main_loop(std::string_view listing) {
  Graph graph(listing);
  if (!graph.find_main_loop()) return {};
  const MainLoop loop = graph.measure();
  if (loop.keys == 0) return {};
  return loop;
}

}  // namespace flexc::cli
