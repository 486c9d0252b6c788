#include "tests/tile/random_program.h"

#include <algorithm>
#include <cstring>

namespace flexc::tile {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  RandomCase run() {
    make_shape();
    make_captures();
    const Style style = static_cast<Style>(draw(0, 3));
    for (const Opcode op : {Opcode::Batch, Opcode::Head, Opcode::QIdx, Opcode::KvIdx}) add(op, 0, {});
    q_ = 2, k_ = 3;
    Register result = 0;
    switch (style) {
      case Style::Anything: result = anything(); break;
      case Style::Bands: result = condition(static_cast<int>(draw(1, 4)), [this] { return inequality(); }); break;
      case Style::Documents: result = condition(static_cast<int>(draw(0, 2)), [this] { return chance(3) ? inequality() : document(); }); break;
      case Style::Bitwise: result = condition(static_cast<int>(draw(0, 1)), [this] { return bitwise(); }); break;
    }
    made_.program.result = result;
    return std::move(made_);
  }

 private:
  Int draw(Int low, Int high) { return std::uniform_int_distribution<Int>(low, high)(random_); }
  bool chance(int one_in) { return draw(1, one_in) == 1; }
  template <class T, std::size_t n>
  T pick(const T (&values)[n]) { return values[draw(0, n - 1)]; }

  Int number() {
    constexpr Int kEdges[] = {0, 1, -1, 2, -2, 3, 7, 63, 64, -64, kIntMax, kIntMax - 1, kIntMin, kIntMin + 1, Int{1} << 31, -(Int{1} << 31), (Int{1} << 32) - 1, Int{1} << 62};
    return chance(3) ? pick(kEdges) : draw(-40, 40);
  }
  float real() {
    constexpr float kEdges[] = {0.0f, -0.0f, 1.0f, -1.0f, 0.5f, 2.5f, -3.0f, 1e-45f, 1e20f, -3e38f, 0x1p63f, -0x1p63f, kInf, -kInf, kNan};
    return chance(2) ? pick(kEdges) : static_cast<float>(draw(-80, 80)) / 4;
  }

  Register add(Opcode op, Int imm, std::initializer_list<Register> operands) { return add(op, imm, std::vector<Register>(operands)); }
  Register add(Opcode op, Int imm, const std::vector<Register>& operands) {
    Program& program = made_.program;
    program.instructions.push_back({op, imm, static_cast<std::uint32_t>(program.operands.size()), static_cast<std::uint32_t>(operands.size())});
    program.operands.insert(program.operands.end(), operands.begin(), operands.end());
    const auto made = static_cast<Register>(program.instructions.size() - 1);
    if (op != Opcode::LoopBegin) of_type_[static_cast<std::size_t>(type_of(op))].push_back(made);
    return made;
  }
  Register constant(Int value) { return add(Opcode::ConstI, value, {}); }

  void make_shape() {
    BlockMask& shape = made_.shape;
    shape.batches = draw(1, 2), shape.heads = draw(1, 2);
    shape.q_len = draw(1, 40), shape.kv_len = draw(1, 40);
    constexpr Int kOffsets[] = {0, 0, 0, 0, 0, 5, -20, 100, 1000, Int{1} << 40, Int{1} << 62, -(Int{1} << 62)};
    shape.q_offset = pick(kOffsets), shape.kv_offset = chance(2) ? shape.q_offset : pick(kOffsets);
    shape.block_q = static_cast<std::int32_t>(draw(1, 12));
    shape.block_kv = chance(2) ? shape.block_q : static_cast<std::int32_t>(draw(1, 12));
    made_.launch.symbols = {shape.batches, shape.heads, shape.heads, shape.q_len, shape.kv_len};
    made_.launch.fresh_dims = {draw(0, 9)};
    made_.program.fresh_dims = 1;
    made_.program.params = 3;
    made_.launch.params = {{number(), 0}, {draw(-5, 20), 0}, {0, real()}};
  }

  template <class T, class Fill>
  void capture(DType dtype, std::vector<Int> shape, Fill fill) {
    Int count = 1;
    for (const Int extent : shape) count *= extent;
    std::vector<std::byte>& bytes = made_.storage.emplace_back(static_cast<std::size_t>(count) * sizeof(T) + 8);
    for (Int i = 0; i < count; ++i) {
      const T value = static_cast<T>(fill(i));
      std::memcpy(bytes.data() + static_cast<std::size_t>(i) * sizeof(T), &value, sizeof(T));
    }
    made_.program.captures.push_back({dtype, static_cast<std::uint32_t>(shape.size())});
    made_.launch.captures.push_back(TensorView(bytes.data(), dtype, shape));
  }

  void make_captures() {
    made_.storage.reserve(8);
    const Int n = std::max<Int>(1, draw(1, 5) * 40);
    Int step = 0;
    const Int period = draw(1, 9);
    capture<std::int32_t>(DType::I32, {n}, [&](Int i) { return i % period == 0 ? ++step : step; });  // 0: sorted documents
    const Int modulus = draw(2, 90);
    capture<std::int64_t>(DType::I64, {n}, [&](Int i) { return i / period * 37 % modulus; });  // 1: documents in no order
    capture<std::int64_t>(DType::I64, {draw(0, 50)}, [&](Int) { return number(); });           // 2: edges
    capture<float>(DType::F32, {n}, [&](Int) { return real(); });                              // 3
    capture<std::uint8_t>(DType::Bool, {n}, [&](Int) { return draw(0, 9) == 0 ? 2 : 0; });     // 4
    const Int rows = draw(1, 50), columns = draw(1, 50);
    capture<std::int32_t>(DType::I32, {rows, columns}, [&](Int i) { return (i / columns) / 5 + (i % columns) / 7; });  // 5
    capture<std::uint16_t>(DType::F16, {3, n}, [&](Int i) { return i * 977; });                // 6
  }

  Register of_type(Type type) {
    const auto& made = of_type_[static_cast<std::size_t>(type)];
    if (made.empty() || chance(5)) return fresh(type);
    return made[static_cast<std::size_t>(std::max<Int>(0, static_cast<Int>(made.size()) - 1 - (chance(2) ? draw(0, 3) : draw(0, static_cast<Int>(made.size()) - 1))))];
  }

  Register position() { return chance(2) ? q_ : k_; }

  Register index() {
    if (chance(3)) return of_type(Type::I64);
    const Register at = add(Opcode::Sub, 0, {position(), constant(chance(2) ? made_.shape.q_offset : made_.shape.kv_offset)});
    return chance(2) ? at : add(Opcode::Add, 0, {at, constant(draw(-30, 30))});
  }

  Register fresh(Type type) {
    switch (type) {
      case Type::Bool: return chance(3) ? add(Opcode::ParamB, 1, {}) : chance(2) ? add(Opcode::GatherB, 4, {index()}) : add(Opcode::Le, 0, {of_type(Type::I64), constant(number())});
      case Type::F32: return chance(3) ? add(Opcode::ConstF, std::bit_cast<std::uint32_t>(real()), {}) : chance(3) ? add(Opcode::ParamF, 2, {}) : chance(3) ? add(Opcode::GatherF, 6, {constant(draw(-4, 3)), index()}) : add(Opcode::GatherF, 3, {index()});
      case Type::I64: break;
    }
    switch (draw(0, 7)) {
      case 0: return constant(number());
      case 1: return add(Opcode::ParamI, draw(0, 1), {});
      case 2: return add(Opcode::Symbol, draw(0, 4), {});
      case 3: return add(Opcode::GatherI, draw(0, 2), {index()});
      case 4: return add(Opcode::GatherI, 5, {index(), index()});
      case 5: return add(Opcode::FreshDim, 0, {});
      default: return position();
    }
  }

  Register reduction() {
    const bool real_sum = chance(2);
    const Register length = constant(draw(0, 4));
    const Register offset = add(Opcode::Sub, 0, {position(), constant(made_.shape.kv_offset)});
    const Register begin = add(Opcode::LoopBegin, 0, {length});
    const std::size_t before[3] = {of_type_[0].size(), of_type_[1].size(), of_type_[2].size()};
    const Register at = add(Opcode::Add, 0, {begin, offset});
    const Register element = real_sum ? add(Opcode::GatherF, 3, {at}) : add(Opcode::GatherI, draw(0, 2), {at});
    for (std::size_t type = 0; type < 3; ++type) of_type_[type].resize(before[type]);  // out of scope after the loop
    constexpr Opcode kEnds[2][3] = {{Opcode::LoopSumI, Opcode::LoopMinI, Opcode::LoopMaxI}, {Opcode::LoopSumF, Opcode::LoopMinF, Opcode::LoopMaxF}};
    return add(kEnds[real_sum][draw(0, 2)], 0, {begin, element});
  }

  Register anything() {
    const Int steps = draw(4, 24);
    for (Int i = 0; i < steps; ++i) {
      const auto op = static_cast<Opcode>(draw(static_cast<Int>(Opcode::Add), static_cast<Int>(Opcode::SelectF)));
      if (chance(20)) {
        reduction();
        continue;
      }
      std::vector<Register> operands;
      for (const char letter : operands_of(op)) operands.push_back(of_type(letter == 'B' ? Type::Bool : letter == 'I' ? Type::I64 : Type::F32));
      add(op, 0, operands);
    }
    // The result reaches as much as possible: comparisons of the last values.
    Register result = add(Opcode::Le, 0, {of_type_[1].back(), of_type(Type::I64)});
    if (!of_type_[2].empty()) result = add(chance(2) ? Opcode::AndB : Opcode::OrB, 0, {result, add(chance(2) ? Opcode::LtF : Opcode::NeF, 0, {of_type_[2].back(), of_type(Type::F32)})});
    return chance(2) ? result : add(Opcode::XorB, 0, {result, of_type(Type::Bool)});
  }

  /// A boolean formula over atoms.
  template <class Atom>
  Register condition(int depth, Atom atom) {
    if (depth == 0) return atom();
    switch (draw(0, 5)) {
      case 0: case 1: return add(Opcode::AndB, 0, {condition(depth - 1, atom), condition(depth - 1, atom)});
      case 2: case 3: return add(Opcode::OrB, 0, {condition(depth - 1, atom), condition(depth - 1, atom)});
      case 4: return add(Opcode::NotB, 0, {condition(depth - 1, atom)});
      default: return add(Opcode::SelectB, 0, {condition(depth - 1, atom), condition(depth - 1, atom), condition(depth - 1, atom)});
    }
  }

  Register scaled(Register at) {
    const Int factor = chance(2) ? 1 : draw(-3, 3);
    return factor == 1 ? at : add(Opcode::Mul, 0, {at, constant(factor)});
  }

  Register bound() { return chance(3) ? add(Opcode::ParamI, draw(0, 1), {}) : constant(chance(8) ? number() : draw(-30, 30)); }

  Register inequality() {
    constexpr Opcode kOrders[] = {Opcode::Lt, Opcode::Le, Opcode::Gt, Opcode::Ge, Opcode::Eq, Opcode::Ne};
    if (chance(5)) return add(pick(kOrders), 0, {add(Opcode::Mod, 0, {add(Opcode::Sub, 0, {q_, k_}), constant(draw(1, 7))}), constant(draw(0, 5))});
    Register row = chance(6) ? add(Opcode::GatherI, draw(0, 2), {index()}) : scaled(q_);
    if (chance(4)) row = add(Opcode::FloorDiv, 0, {row, constant(draw(1, 9))});
    const Register column = scaled(k_), limit = bound();
    switch (draw(0, 3)) {
      case 0: return add(pick(kOrders), 0, {add(Opcode::Sub, 0, {row, column}), limit});
      case 1: return add(pick(kOrders), 0, {add(Opcode::Add, 0, {row, limit}), column});
      case 2: return add(pick(kOrders), 0, {add(Opcode::Abs, 0, {add(Opcode::Sub, 0, {row, column})}), limit});
      default: return add(pick(kOrders), 0, {add(Opcode::Add, 0, {row, limit}), add(Opcode::Add, 0, {column, chance(2) ? limit : bound()})});
    }
  }

  Register document() {
    const Register rows = add(Opcode::Sub, 0, {q_, constant(chance(4) ? 0 : made_.shape.q_offset)});
    const Register columns = add(Opcode::Sub, 0, {k_, constant(chance(4) ? 0 : made_.shape.kv_offset)});
    const Int table = draw(0, 1), other = chance(6) ? draw(0, 2) : table;
    const Register a = add(Opcode::GatherI, table, {rows}), b = add(Opcode::GatherI, other, {columns});
    constexpr Opcode kRelations[] = {Opcode::Eq, Opcode::Eq, Opcode::Eq, Opcode::Ne, Opcode::Le};
    return add(pick(kRelations), 0, {a, b});
  }

  Register bitwise() {
    constexpr Opcode kOps[] = {Opcode::And, Opcode::Or, Opcode::Xor, Opcode::Shl, Opcode::Shr, Opcode::ShrLogical, Opcode::Add, Opcode::Sub, Opcode::Not, Opcode::Mod, Opcode::FloorDiv, Opcode::Mul, Opcode::WrapI32};
    constexpr Int kMasks[] = {0x55555555, 0x33333333, 0x0F0F0F0F, 0xFF, -8, 4, 1, 2, 3, 8, 16, 65, -1, 0x7FFFFFFF};
    const auto chain = [&](Register value) {
      for (Int i = draw(1, 7); i > 0; --i) {
        const Opcode op = pick(kOps);
        if (operands_of(op).size() == 1) value = add(op, 0, {value});
        else value = chance(4) ? add(op, 0, {value, add(Opcode::Shr, 0, {value, constant(draw(0, 4))})}) : add(op, 0, {value, chance(5) ? position() : constant(pick(kMasks))});
      }
      return value;
    };
    constexpr Opcode kRelations[] = {Opcode::Eq, Opcode::Ne, Opcode::Lt, Opcode::Ge};
    const Register left = chain(q_), right = chance(2) ? chain(k_) : constant(pick(kMasks));
    return add(pick(kRelations), 0, {left, right});
  }

  std::mt19937_64 random_;
  RandomCase made_;
  std::vector<Register> of_type_[3];
  Register q_ = 0, k_ = 0;
};

/// The mask at one pair, by the point interpreter.
class PointMask {
 public:
  PointMask(const RandomCase& random, const Analysis& analysis) : machine_(random.program, analysis, random.launch) {}
  bool operator()(Int b, Int h, Int q, Int k) {
    if (b != b_ || h != h_) machine_.set_plane(b_ = b, h_ = h);
    return machine_.evaluate(&q, &k, 1)[0] != 0;
  }

 private:
  PointMachine machine_;
  Int b_ = -1, h_ = -1;
};

}  // namespace

RandomCase random_case(std::uint64_t seed) { return Generator(seed).run(); }

BlockMask true_mask(const RandomCase& random, Int* kept_pairs) {
  const Binding binding(random.program, random.launch);
  BlockMask frame = random.shape;
  if (!binding.reads(kOnBatch)) frame.batches = 1;
  if (!binding.reads(kOnHead)) frame.heads = 1;
  PointMask mask(random, binding.analysis);
  return brute_force_block_mask(frame, [&](Int b, Int h, Int q, Int k) { return mask(b, h, q, k); }, kept_pairs);
}

}  // namespace flexc::tile
