// The host side of a call: checks, the plan, and the distribution of work over threads.
#include "templates/cpu/attention.h"

#include <atomic>
#include <new>
#include <span>

#include "templates/cpu/kernels.h"
#include "templates/cpu/task_order.h"

namespace flexc::cpu {
namespace {

/// Units are packed by the worker that computes them if there are this many a thread, so that none waits long at the end …
constexpr std::int64_t kUnitsPerThread = 4;
/// … and if a unit's tiles stay near the core. Otherwise all workers pack together, a wave of units at a time.
constexpr std::int64_t kOwnUnitBytes = std::int64_t{8} << 20, kWaveBytes = std::int64_t{32} << 20, kMostWaveBytes = std::int64_t{256} << 20;
/// A wave has tasks enough that its end is short: so many a thread, if memory allows.
constexpr std::int64_t kWaveTasks = 64;
/// Waking a thread takes as long as this much work, in microseconds, at what a core with AVX2 does, in operations and bytes a microsecond; and what a pair takes besides its products, in
/// operations.
constexpr double kWakeTime = 50, kOperations = 1e5, kBytes = 2e4, kSoftmax = 100;
/// A unit's K and V are read ahead as a whole if they are so small that they displace nothing from L2.
constexpr std::int64_t kAheadBytes = std::int64_t{512} << 10;

std::unexpected<Error> misfit(const std::string& what) { return std::unexpected(Error{ErrorKind::Internal, "attention on the CPU: " + what}); }

Result<void> check_mask(const AttentionArguments& call, const BlockMask& mask) {
  if (mask.q_len != call.q_len || mask.kv_len != call.kv_len || mask.q_positions().of_length(mask.q_len) != call.q_positions().of_length(call.q_len) ||
      mask.kv_positions().of_length(mask.kv_len) != call.kv_positions().of_length(call.kv_len))
    return misfit("the block mask is for other lengths or positions");
  if ((mask.batches != 1 && mask.batches != call.batch) || (mask.heads != 1 && mask.heads != call.heads))
    return misfit("the block mask is for other batches or heads");
  if (mask.block_q < 1 || mask.block_kv < 1) return misfit("the block mask has empty blocks");
  if (mask.row_begin.size() != static_cast<std::size_t>(mask.rows()) + 1 || mask.row_begin.back() > mask.runs.size())
    return misfit("the block mask's rows are not as many as it says");
  for (std::size_t row = 0; row + 1 < mask.row_begin.size(); ++row)
    if (mask.row_begin[row] > mask.row_begin[row + 1]) return misfit("the block mask's rows are out of order");
  return {};
}

Result<void> check(const AttentionArguments& call) {
  if (call.dtype != DType::F32 && call.dtype != DType::F16 && call.dtype != DType::BF16) return misfit("q, k and v must be f32, f16 or bf16");
  if (call.batch < 1 || call.heads < 1 || call.kv_heads < 1 || call.heads % call.kv_heads != 0)
    return misfit("the heads of q must be a multiple of those of k and v");
  if (call.q_len < 0 || call.kv_len < 0 || call.split < 0 || call.head_dim < 1 || call.value_dim < 1) return misfit("a length or a width is out of range");
  std::int64_t end = 0;
  if (call.q_step < 1 || call.kv_step < 1) return misfit("a step from one position to the next is below 1");
  if (!call.q_positions().fits(call.q_len, &end) || !call.kv_positions().fits(call.kv_len, &end))
    return misfit("a position does not fit in 64 bits");
  if (call.q_len > 0 && (!call.q.data || !call.out.data || (call.kv_len > 0 && (!call.k.data || !call.v.data))))
    return misfit("q, k, v or out is missing");
  if (const flexc_row_module* module = call.module) {
    if (module->abi_version != FLEXC_ROW_ABI_VERSION) return misfit("the compiled mods are of another version of the interface");
    if (module->score_class > FLEXC_SCORE_GENERAL || (module->score_class == FLEXC_SCORE_GENERAL && !module->score_row) ||
        (module->score_class == FLEXC_SCORE_AFFINE && !module->affine_row) || (module->launch_slots && !module->launch_level) ||
        (module->head_slots && !module->head_level) || (module->q_side_slots && !module->q_side) || (module->kv_side_slots && !module->kv_side))
      return misfit("the compiled mods lack a function that they announce");
  }
  return call.mask ? check_mask(call, *call.mask) : Result<void>{};
}

Result<const KernelTable*> find_kernels(const std::string& asked) {
  const std::string& target = asked.empty() ? chosen_target() : asked;
  std::string known;
  for (const KernelTable& table : kernel_tables()) {
    if (target.empty() || target == table.name) return &table;
    known += (known.empty() ? "" : ", ") + std::string(table.name);
  }
  if (!asked.empty()) return misfit("the instruction set \"" + asked + "\" is not compiled in, or not in this machine");
  return std::unexpected(Error{ErrorKind::Usage, "FLEXC_CPU_TARGET: this machine has no instruction set \"" + target + "\" that flexc is compiled for; it has " + known});
}

/// A worker's memory.
struct Worker {
  Workspace workspace;
  float* tiles = nullptr;
  std::vector<std::int64_t> held;
  std::int64_t unit = -1;  ///< whose tiles are held
};

class Call {
 public:
  Call(const Plan& plan, const KernelTable& kernels, WorkerPool& pool) : plan_(plan), kernels_(kernels), pool_(pool) {}

  /// False where memory is missing; nothing has been written then.
  bool run() {
    try {
      workers_.resize(static_cast<std::size_t>(pool_.size()));
      for (Worker& worker : workers_)
        if (!worker.workspace.allocate(plan_)) return false;
      const std::int64_t bytes = std::max<std::int64_t>(plan_.unit_floats() * std::int64_t{sizeof(float)}, 1);
      if (plan_.splits > 1) return run_splits();
      const bool own_units = plan_.units >= kUnitsPerThread * pool_.size() && bytes <= kOwnUnitBytes;
      if (plan_.tasks_per_unit > 1 && !own_units && !plan_.direct) {
        // What fits the last cache, and is used again and again, needs no new pages from the system at each call.
        const std::int64_t enough = std::min(std::max(kWaveBytes / bytes, divide_up(kWaveTasks * pool_.size(), plan_.tasks_per_unit)), kMostWaveBytes / bytes);
        const std::int64_t waves = divide_up(plan_.units, std::clamp<std::int64_t>(enough, 1, plan_.units)), units = divide_up(plan_.units, waves);
        if (shared_.allocate(units * bytes)) {
          states_ = std::vector<std::atomic<TileState>>(static_cast<std::size_t>(units * plan_.tiles));
          order_.resize(static_cast<std::size_t>(units * plan_.tasks_per_unit));
          shares_ = std::vector<Share>(static_cast<std::size_t>(pool_.size()));
          run_waves(units);
          return true;
        }
        // A K and V that cannot be held packed: each task packs its tiles anew.
      }
      const std::int64_t slots = plan_.tasks_per_unit > 1 && own_units && !plan_.direct ? plan_.tiles : 1;
      if (!allocate_tiles(slots)) return false;
      if ((own_units && !plan_.direct) || plan_.tasks_per_unit == 1)
        run_units();
      else
        run_tasks();
    } catch (const std::bad_alloc&) {
      return false;
    }
    return true;
  }

 private:
  /// Memory for so many tiles of each worker, in one piece; false where there is none.
  bool allocate_tiles(std::int64_t slots) {
    const std::int64_t floats = slots * plan_.tile_floats();
    if (!tiles_.allocate(pool_.size() * floats * std::int64_t{sizeof(float)})) return false;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      workers_[i].tiles = tiles_.as<float>() + static_cast<std::int64_t>(i) * floats;
      workers_[i].held.resize(static_cast<std::size_t>(slots));
    }
    return true;
  }

  /// A number that all workers count up.
  using Counter = std::atomic<std::int64_t>;

  /// Calls body(i, next) for the numbers that take() gives, until that is count; `next` is what this worker does next, or count.
  template <class Take, class Body>
  static void take_ahead(const Take& take, std::int64_t count, Worker& worker, const Body& body) {
    for (std::int64_t i = take(), next; i < count; i = next) body(i, next = take());
    worker.workspace.ahead.follow_nothing();
  }
  /// Calls body(worker, i, next) for i = 0 … count - 1, each once, on whichever thread is free.
  template <class Body>
  void share_ahead(std::int64_t count, const Body& body) {
    Counter first{0};
    pool_.run([&](int index) {
      Worker& worker = workers_[static_cast<std::size_t>(index)];
      const auto take = [&] { return std::min(first.fetch_add(1, std::memory_order_relaxed), count); };
      take_ahead(take, count, worker, [&](std::int64_t i, std::int64_t next) { body(worker, i, next); });
    });
  }
  template <class Body>
  void share(std::int64_t count, const Body& body) {
    std::atomic<std::int64_t> next{0};
    pool_.run([&](int worker) {
      for (std::int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) body(workers_[static_cast<std::size_t>(worker)], i);
    });
  }

  /// Reading ahead supposes that groups keep 1/part of their tiles. A mask may leave a half; but where steps are few, each of twice as many lines would fetch too much at once.
  std::int64_t ahead_part() const {
    const bool is_masked = plan_.module.band_row || plan_.module.mask_row, are_few = plan_.matrix.used && !plan_.matrix.weighs_ahead();
    return is_masked && !are_few ? 2 : 1;
  }

  TileSource own_tiles(Worker& worker) {
    std::fill(worker.held.begin(), worker.held.end(), -1);
    worker.workspace.kv_side_tile = -1;
    return held_tiles(worker);
  }

  TileSource held_tiles(Worker& worker) {
    return {nullptr, nullptr, worker.tiles, static_cast<std::int64_t>(worker.held.size()), worker.held.data()};
  }

  /// Some of a wave's tasks that follow each other: those from `next` to `end` - 1 are not taken yet.
  struct alignas(kLine) Share {
    Counter next{0};
    std::int64_t end = 0;
  };

  /// The tasks of a wave of units, in the order in which they are to be computed: estimated by all workers, and sorted by who finishes last. Nobody who comes late is waited for. Each
  /// worker has its share, so that what it packs is used by itself, and then helps the others. Where some task is long a unit is not cut: its last tasks are the short ones.
  class TaskOrder {
   public:
    TaskOrder(const Plan& plan, std::span<Task> tasks, std::int64_t first_unit, std::span<Share> shares) : plan_(plan), tasks_(tasks), first_unit_(first_unit), shares_(shares) {}
    /// Takes part, until the order is there.
    void help(Workspace& workspace) {
      const auto count = static_cast<std::int64_t>(tasks_.size());
      std::int64_t mine = 0;
      for (std::int64_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count; ++mine)
        tasks_[static_cast<std::size_t>(i)] = estimate_task(plan_, first_unit_ + i / plan_.tasks_per_unit, i % plan_.tasks_per_unit, workspace);
      if (mine > 0 && estimated_.fetch_add(mine, std::memory_order_acq_rel) + mine == count) {
        const bool has_long = has_long_task(tasks_, static_cast<int>(shares_.size()));
        has_long ? longest_first(tasks_) : last_rows_first(tasks_);
        cut(has_long ? plan_.tasks_per_unit : 1);
        ordered_.store(true, std::memory_order_release);
        ordered_.notify_all();
      }
      ordered_.wait(false, std::memory_order_acquire);
    }
    /// The next task of a worker; their number where there is none.
    std::int64_t take(int worker) {
      for (std::size_t i = 0; i < shares_.size(); ++i) {
        Share& share = shares_[(static_cast<std::size_t>(worker) + i) % shares_.size()];
        if (const std::int64_t task = share.next.fetch_add(1, std::memory_order_relaxed); task < share.end) return task;
      }
      return static_cast<std::int64_t>(tasks_.size());
    }

   private:
    /// Into shares of as many runs of `run` tasks each, as far as that goes. A share without any leaves its worker to help.
    void cut(std::int64_t run) {
      const std::int64_t runs = static_cast<std::int64_t>(tasks_.size()) / run, shares = static_cast<std::int64_t>(shares_.size());
      const auto start_of = [&](std::size_t share) { return static_cast<std::int64_t>(share) * runs / shares * run; };
      for (std::size_t i = 0; i < shares_.size(); ++i) {
        shares_[i].next.store(start_of(i), std::memory_order_relaxed);
        shares_[i].end = start_of(i + 1);
      }
    }

    const Plan& plan_;
    std::span<Task> tasks_;
    std::int64_t first_unit_;
    std::span<Share> shares_;  ///< one a worker
    Counter next_{0}, estimated_{0};
    std::atomic<bool> ordered_{false};
  };

  /// All workers estimate the tasks of some units, then compute these; who first needs a tile packs it for all. Units follow each other in a worker's
  /// share, and the rows of one too: what is packed is used while it is near. But if some task is long, a unit's longest come first, so that no thread is left alone with one.
  void run_waves(std::int64_t wave) {
    const std::int64_t part = ahead_part();
    const std::int64_t floats = plan_.tile_floats(), tasks = plan_.tasks_per_unit;
    float* const memory = shared_.as<float>();
    for (std::int64_t first = 0; first < plan_.units; first += wave) {
      const std::int64_t units = std::min(wave, plan_.units - first), count = units * tasks;
      const std::span<Task> order(order_.data(), static_cast<std::size_t>(count));
      for (std::atomic<TileState>& state : states_) state.store(TileState::Unpacked, std::memory_order_relaxed);
      TaskOrder ordering(plan_, order, first, shares_);
      pool_.run([&](int index) {
        Worker& worker = workers_[static_cast<std::size_t>(index)];
        ordering.help(worker.workspace);
        take_ahead([&] { return ordering.take(index); }, count, worker, [&](std::int64_t i, std::int64_t next) {
          const Task& task = order[static_cast<std::size_t>(i)];
          if (next < count)
            worker.workspace.ahead.follow_task(plan_, order[static_cast<std::size_t>(next)].unit, order[static_cast<std::size_t>(next)].task, part);
          else
            worker.workspace.ahead.follow_nothing();
          const std::int64_t tile = (task.unit - first) * plan_.tiles;
          kernels_.run_task(plan_, task.unit, task.task, worker.workspace, {memory + tile * floats, states_.data() + tile});
        });
      });
    }
  }

  /// A worker takes a whole unit and packs its tiles when it first needs them. The last units, one a thread, are taken task by task instead,
  /// and packed by each who helps: else a thread that was disturbed would be waited for by all others.
  void run_units() {
    const std::int64_t shared = std::min<std::int64_t>(pool_.size(), plan_.units), whole = plan_.units - shared, tasks = plan_.tasks_per_unit;
    const std::int64_t kv_bytes = plan_.call.kv_len * (plan_.call.head_dim + plan_.call.value_dim) * static_cast<std::int64_t>(element_size(plan_));
    const std::int64_t part = ahead_part();
    const bool is_small = kv_bytes <= kAheadBytes;
    const auto unit_of = [&](std::int64_t i) { return i < whole ? i : whole + (i - whole) / tasks; };
    share_ahead(whole + shared * tasks, [&](Worker& worker, std::int64_t i, std::int64_t next) {
      const std::int64_t unit = unit_of(i);
      Ahead& ahead = worker.workspace.ahead;
      ahead.follow_nothing();
      if (i < whole) {
        const TileSource source = own_tiles(worker);
        if (is_small && next < whole + shared * tasks) ahead.follow_unit(plan_, unit_of(next), part);
        for (std::int64_t task = 0; task < tasks; ++task) {
          if (!is_small && task + 1 < tasks) ahead.follow_task(plan_, unit, task + 1, part);
          kernels_.run_task(plan_, unit, task, worker.workspace, source);
        }
        return;
      }
      const TileSource source = worker.unit == unit ? held_tiles(worker) : own_tiles(worker);
      worker.unit = unit;
      // The last rows first: where lengths differ, they mostly are the long ones.
      kernels_.run_task(plan_, unit, tasks - 1 - (i - whole) % tasks, worker.workspace, source);
    });
  }

  void run_tasks() {
    share(plan_.units * plan_.tasks_per_unit, [&](Worker& worker, std::int64_t i) {
      kernels_.run_task(plan_, i / plan_.tasks_per_unit, i % plan_.tasks_per_unit, worker.workspace, own_tiles(worker));
    });
  }

  /// The splits of the tasks' keys are shared out, several at a time as long as many are left. Who computes a task's last one merges them, in order: another run of the pool would wait for
  /// workers to wake. False where memory is missing.
  bool run_splits() {
    const std::int64_t tasks = plan_.units * plan_.tasks_per_unit, count = tasks * plan_.splits, piece = plan_.task_rows() * plan_.state_floats();
    if (!shared_.allocate(count * piece * std::int64_t{sizeof(float)})) return false;
    if (!allocate_tiles(1)) return false;
    std::vector<Counter> left(static_cast<std::size_t>(tasks));
    for (Counter& splits : left) splits.store(plan_.splits, std::memory_order_relaxed);
    float* const states = shared_.as<float>();
    Counter next{0};
    pool_.run([&](int index) {
      Worker& worker = workers_[static_cast<std::size_t>(index)];
      for (std::int64_t first = next.load(std::memory_order_relaxed); first < count;) {
        const std::int64_t task = first / plan_.splits, split = first % plan_.splits;
        const std::int64_t some = std::clamp<std::int64_t>((count - first) / (2 * pool_.size()), 1, std::min(plan_.splits - split, kMostSplitsAtOnce));
        if (!next.compare_exchange_weak(first, first + some, std::memory_order_relaxed)) continue;
        const std::int64_t unit = task / plan_.tasks_per_unit, in_unit = task % plan_.tasks_per_unit;
        kernels_.run_splits(plan_, unit, in_unit, split, split + some, worker.workspace, own_tiles(worker), states + first * piece);
        if (left[static_cast<std::size_t>(task)].fetch_sub(some, std::memory_order_acq_rel) == some)
          kernels_.merge_splits(plan_, unit, in_unit, worker.workspace, states + task * plan_.splits * piece);
        first = next.load(std::memory_order_relaxed);
      }
    });
    return true;
  }

  const Plan& plan_;
  const KernelTable& kernels_;
  WorkerPool& pool_;
  std::vector<Worker> workers_;
  Scratch shared_, tiles_;
  std::vector<std::atomic<TileState>> states_;  ///< of a wave's tiles
  std::vector<Task> order_;                     ///< of a wave
  std::vector<Share> shares_;                   ///< of a wave, one a worker
};

}  // namespace

std::vector<std::string> kernel_targets() {
  std::vector<std::string> names;
  for (const KernelTable& table : kernel_tables()) names.emplace_back(table.name);
  return names;
}

int useful_threads(const AttentionArguments& call, int threads) {
  // What compiled functions take for a pair is not known: a reduction may be long.
  if (call.module && (call.module->score_class == FLEXC_SCORE_GENERAL || call.module->mask_row)) return threads;
  const double width = static_cast<double>(call.head_dim) + static_cast<double>(call.value_dim), rows = static_cast<double>(call.q_len) * static_cast<double>(call.heads), keys = static_cast<double>(call.kv_len);
  const double operations = rows * keys * (2 * width + kSoftmax), bytes = (rows + keys * static_cast<double>(call.kv_heads)) * width * static_cast<double>(size_of(call.dtype));
  return static_cast<double>(call.batch) * (operations / kOperations + bytes / kBytes) < kWakeTime ? std::min(threads, 1) : threads;
}

Result<void> run_attention(const AttentionArguments& arguments, WorkerPool& pool) {
  const Result<const KernelTable*> kernels = find_kernels(arguments.target);
  if (!kernels) return std::unexpected(kernels.error());
  return run_attention_with(**kernels, arguments, pool);
}

Result<void> run_attention_with(const KernelTable& kernels, const AttentionArguments& arguments, WorkerPool& pool) {
  if (const auto fits = check(arguments); !fits) return fits;
  if (arguments.q_len == 0) return {};
  pool.alert();
  Plan plan = make_plan(arguments, kernels.matrix_unit, pool.size());
  Scratch launch_values;
  bool enough = launch_values.allocate(slots_bytes(plan.module.launch_slots));
  if (enough && plan.module.launch_slots) {
    plan.module.launch_level(&plan.launch, launch_values.as<std::byte>());
    plan.launch.launch_values = launch_values.as<std::byte>();
  }
  const Plan by_vectors = without_matrix_unit(plan);
  plan.by_vectors = &by_vectors;
  enough = enough && Call(plan, kernels, pool).run();
  if (!enough)
    return std::unexpected(Error{ErrorKind::Environment, "attention on the CPU: there is not enough memory for its packed keys and values"});
  return {};
}

}  // namespace flexc::cpu
