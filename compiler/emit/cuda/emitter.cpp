// The struct around the mods: its functions, its constants, Params. Written twice: the first round finds which values each level hands
// over to the later ones, the second writes the levels in their order, so that names ascend.
#include "compiler/emit/cuda/emitter.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "compiler/emit/cuda/launch_program.h"

using namespace mlir;

namespace flexc::compiler::cuda {
namespace {

constexpr unsigned kInterface = 1;
constexpr unsigned kProblemWords = 5, kScaleWords = 1, kDivisorWords = 3;

/// What a function's parameters are called, where it uses them: unused ones have no name.
std::string parameter(std::string_view type, std::string_view name, const std::string& body) {
  const auto is_part_of_name = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  for (std::size_t at = body.find(name); at != std::string::npos; at = body.find(name, at + 1)) {
    const bool begins = at == 0 || (!is_part_of_name(body[at - 1]) && body[at - 1] != '.');
    const bool ends = at + name.size() >= body.size() || !is_part_of_name(body[at + name.size()]);
    if (begins && ends) return fmt::format("{} {}", type, name);
  }
  return std::string(type);
}

std::string_view spelling(bool value) { return value ? "true" : "false"; }

bool is_plain(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

std::string dims_text(flex::CaptureOp capture) {
  std::string text;
  for (Attribute attribute : capture.getDims()) {
    const auto dim = cast<flex::DimAttr>(attribute);
    if (!text.empty()) text += ", ";
    switch (dim.getKind()) {
      case dsl::Dim::Kind::Constant: text += std::to_string(dim.getValue()); break;
      case dsl::Dim::Kind::Symbol: text += dsl::kSymbolNames[static_cast<std::size_t>(dim.getValue())]; break;
      case dsl::Dim::Kind::Fresh: text += "n" + std::to_string(dim.getValue()); break;
    }
  }
  return text;
}

std::string element_name(Type type) {
  if (type.isInteger(1)) return "bool";
  if (type.isUnsignedInteger(8)) return "u8";
  if (type.isInteger(32)) return "i32";
  if (type.isInteger(64)) return "i64";
  return type.isF32() ? "f32" : type.isF16() ? "f16" : "bf16";
}

/// Whether the first interval may have a lower bound: intervals are put in order, so one without a bound comes first.
bool band_begins(flex::BandOp band) {
  const auto limits = cast<flex::YieldOp>(band.getBody().front().getTerminator()).getValues();
  for (std::size_t i = 0; i < limits.size(); i += 2)
    if (const auto constant = flex::constant_integer(limits[i]); constant && *constant == std::numeric_limits<std::int64_t>::min()) return false;
  return true;
}

}  // namespace

HooksEmitter::HooksEmitter(flex::VariantOp variant, const CudaHookOptions& options) : variant_(variant), options_(options) {
  for (Operation& op : variant_.getBody().front()) {
    if (auto mod = dyn_cast<flex::ScoreModOp>(op)) score_ = mod;
    if (auto row = dyn_cast<flex::AffineRowOp>(op)) affine_ = row;
    if (auto mod = dyn_cast<flex::MaskModOp>(op)) mask_ = mod;
    if (auto band = dyn_cast<flex::BandOp>(op)) band_ = band;
    if (!isa<flex::ScoreModOp, flex::AffineRowOp, flex::MaskModOp, flex::BandOp>(op)) continue;
    const auto strict = strict_values(op.getRegion(0));
    strict_.insert(strict.begin(), strict.end());
  }
  if (score_) {
    const auto name = score_->getAttrOfType<StringAttr>("flex.score_class");
    if (!name || name.getValue() == "general") score_class_ = ScoreClass::General;
    else if (name.getValue() == "affine") score_class_ = ScoreClass::Affine;
  }
  find_slots();
}

Result<CudaHooks> HooksEmitter::run() {
  write_functions();
  std::ranges::sort(captures_);
  std::ranges::sort(params_);
  std::ranges::sort(fresh_dims_);
  texts_.clear();
  next_name_ = 0;
  write_functions();

  CudaHooks hooks;
  hooks.score_class = score_class_;
  hooks.has_mask = static_cast<bool>(mask_);
  hooks.has_band = static_cast<bool>(band_);
  hooks.column_words = column_words_, hooks.relative_words = relative_words_;
  const auto add = [&](HookWords::Kind kind, unsigned index, unsigned count) {
    hooks.params.push_back({kind, index, count});
    hooks.param_words += count;
  };
  using Kind = HookWords::Kind;
  add(Kind::Problem, 0, kProblemWords);
  add(Kind::Scales, 0, kScaleWords);
  for (unsigned capture : captures_) {
    auto declaration = cast<flex::CaptureOp>(SymbolTable::lookupSymbolIn(variant_, fmt::format("c{}", capture)));
    add(Kind::Capture, capture, 1 + 2 * static_cast<unsigned>(declaration.getDims().size()));
  }
  for (unsigned param : params_) add(Kind::Param, param, 1);
  for (unsigned dim : fresh_dims_) add(Kind::FreshDim, dim, 1);
  for (unsigned i = 0; i < launch_fields_.size(); ++i) add(Kind::Launch, i, 1);  // one word may serve several values
  for (unsigned i = 0; i < divisors_.size(); ++i) add(Kind::Divisor, i, kDivisorWords);
  hooks.text = assemble();
  LaunchEmitter launch(variant_);
  for (const Item& item : launch_items_) launch.add_value(item.value, item.factor);
  for (Value divisor : divisors_) launch.add_divisor(divisor);
  auto program = launch.finish();
  if (!program) return std::unexpected(program.error());
  hooks.launch = std::move(*program);
  return hooks;
}

/// Later levels first in the round that discovers, earlier ones first in the one that counts.
void HooksEmitter::write_functions() {
  const auto early = [&] {
    texts_["launch"] = launch_function();
    texts_["head"] = head_function();
    texts_["row"] = row_function();
  };
  const auto late = [&] {
    if (column_words_ > 0) texts_["columns"] = column_function();
    if (relative_words_ > 0) texts_["relative"] = relative_function();
    if (affine_) texts_["affine"] = affine_function();
    if (score_ && score_class_ != ScoreClass::Identity) texts_["logit2"] = logit2_function();
    texts_["band"] = band_function();
    if (mask_) texts_["keep"] = keep_function();
  };
  if (discovered_) {
    early();
    late();
    return;
  }
  late();
  row_function();
  head_function();
  launch_function();
  discovered_ = true;
}

namespace {

/// One line a field, `const` copies of which a function has just computed.
std::string field_list(ArrayRef<std::pair<std::string, std::string>> fields, std::string_view indent) {
  std::string text;
  for (const auto& [type, name] : fields) text += fmt::format("{}{} {};\n", indent, type, name);
  return text;
}

}  // namespace

/// Computes the fields of a level, and says what they are: one name may serve several items.
HooksEmitter::FieldList HooksEmitter::write_fields(Function& function, std::string_view target, std::vector<Item>* items) {
  FieldList written;
  for (std::size_t i = 0; i < fields_[function.level].size(); ++i) {
    const Item wanted = fields_[function.level][i].item;
    const std::string name = item(function, wanted);
    fields_[function.level][i].name = name;
    const std::pair<std::string, std::string> entry{type_name(wanted.value.getType()), name};
    if (std::ranges::find(written, entry) != written.end()) continue;
    written.push_back(entry);
    if (items) items->push_back(wanted);
  }
  for (const auto& [type, name] : written) line(function, fmt::format("{}.{}{} = {};", target, name, function.level == Level::Launch ? ".value" : "", name));
  return written;
}

/// What the host evaluates. The device has no such function: these values are words of Params.
std::string HooksEmitter::launch_function() {
  Function function(Level::Launch);
  launch_items_.clear();
  launch_fields_ = write_fields(function, "params", &launch_items_);
  for (std::size_t i = 0; i < divisors_.size(); ++i)
    line(function, fmt::format("params.d{} = make_divisor({});", i, value(function, divisors_[i])));
  return "#if !defined(__CUDACC__)\n  /// The host's part: what depends on no coordinate.\n  static void fill_launch(" + parameter("Params&", "params", function.body) +
         ") {\n" + function.body + "  }\n#endif\n";
}

std::string HooksEmitter::head_function() {
  Function function(Level::Head);
  line(function, "Head head{};");
  line(function, "head.b = batch;");
  line(function, "head.h = query_head;");
  const auto fields = write_fields(function, "head");
  line(function, "return head;");
  return "  struct Head {\n    i64 b, h;\n" + field_list(fields, "    ") + "  };\n  FLEXC_HOOK static Head head(" +
         parameter("const Params&", "params", function.body) + ", int batch, int query_head) {\n" + function.body + "  }\n";
}

std::string HooksEmitter::row_function() {
  Function function(Level::Row);
  line(function, "Row row{};");
  line(function, "row.head = head;");
  line(function, "row.q = q;");
  const auto fields = write_fields(function, "row");
  line(function, "return row;");
  return "  struct Row {\n    Head head;\n    Position q;\n" + field_list(fields, "    ") + "  };\n  FLEXC_HOOK static Row q_side(" +
         parameter("const Params&", "params", function.body) + ", const Head& head, Position q) {\n" + function.body + "  }\n";
}

/// Computes a table's values and writes their words to `place`.
void HooksEmitter::write_slots(Function& function, ArrayRef<Slot> slots, std::string_view place) {
  for (const Slot& slot : slots) {
    const std::string name = item(function, {slot.value, slot.factor});
    const Type type = slot.value.getType();
    const auto set = [&](unsigned i, const std::string& bits) { line(function, fmt::format("table.set({}, {}, {});", slot.word + i, place, bits)); };
    if (type.isF32()) set(0, fmt::format("bits_of({})", name));
    else set(0, fmt::format("static_cast<u32>({})", name));
    if (slot.words == 2) set(1, fmt::format("high_word({})", name));
  }
}

std::string HooksEmitter::column_function() {
  Function function(Level::Column);
  write_slots(function, slots_, "column");
  return "  template <class Table>\n  FLEXC_HOOK static void kv_side(" + parameter("const Params&", "params", function.body) + ", " +
         parameter("const Head&", "head", function.body) + ", " + parameter("Position", "kv", function.body) + ", Table& table, int column) {\n" + function.body + "  }\n";
}

std::string HooksEmitter::relative_function() {
  Function function(Level::Pair);
  function.has_row = false, function.of_difference = true;
  write_slots(function, relative_slots_, "entry");
  return "  template <class Table>\n  FLEXC_HOOK static void relative(" + parameter("const Params&", "params", function.body) + ", " +
         parameter("const Head&", "head", function.body) + ", Position difference, Table& table, int entry) {\n" + function.body + "  }\n";
}

std::string HooksEmitter::affine_function() {
  Function function(Level::Pair);
  auto parts = cast<flex::YieldOp>(affine_.getBody().front().getTerminator()).getValues();
  // Where the factor is a constant the host's own product with log2(e) serves.
  const bool is_one = flex::constant_float(parts[0]) == 1.0f;
  const std::string factor = is_one ? "params.scale_log2e" : fmt::format("{} * params.scale_log2e", value(function, parts[0]));
  const auto in_log2 = [&](Value part) {
    const auto constant = flex::constant_float(part);
    return constant ? literal(*constant * kLog2E) : fmt::format("{} * kLog2E", value(function, part));
  };
  const std::string row = in_log2(parts[1]), slope = in_log2(parts[2]);
  line(function, fmt::format("return {{{}, {}, {}}};", factor, row, slope));
  return "  FLEXC_HOOK static Affine affine(" + parameter("const Params&", "params", function.body) + ", " + parameter("const Row&", "row", function.body) + ", " +
         parameter("Position", "kv_base", function.body) + ", " + parameter("Position", "kv_step", function.body) + ") {\n" + function.body + "  }\n";
}

namespace {

/// The factor of a product that all pairs of a row share, where the other factor is `other` and the product may be re-associated.
Value shared_factor(Operation* op, Value other, llvm::function_ref<bool(Value)> is_shared) {
  auto product = dyn_cast_or_null<flex::MulOp>(op);
  if (!product || !product.getType().isF32()) return {};
  if (product.getLhs() == other && is_shared(product.getRhs())) return product.getRhs();
  if (product.getRhs() == other && is_shared(product.getLhs())) return product.getLhs();
  return {};
}

}  // namespace

/// The template hands over the bare product. A factor that a row's pairs share is multiplied with the scale beforehand, and one of the
/// result with log2(e): neither lies in the strict cone. Nor does a difference's value that the result adds, which the table has times log2(e).
std::string HooksEmitter::logit2_function() {
  Function function(Level::Pair);
  const auto of_pair = [](std::string_view name, const std::string& body) {
    return fmt::format("  template <class Table>\n  FLEXC_HOOK static float {}({}, {}, {}, {}, {}, {}) {{\n{}  }}\n", name, parameter("const Params&", "params", body),
                       parameter("const Row&", "row", body), parameter("Position", "kv", body), parameter("const Table&", "table", body), parameter("int", "column", body),
                       parameter("float", "acc", body), body);
  };
  Block& block = score_.getBody().front();
  const Value score = block.getArgument(0);
  if (const Value added = added_difference()) {
    const std::string term = define(function, added.getType(), relative_slot(added, Factor::Log2E));
    line(function, fmt::format("return fma_rn(acc, params.scale_log2e, {}{});", isa<flex::SubOp>(*added.getUsers().begin()) ? "-" : "", term));
    return of_pair("logit2", function.body);
  }
  const auto is_shared = [&](Value value) { return value.getDefiningOp<arith::ConstantOp>() || level_of_value(value) < Level::Column; };

  Operation* only_user = score.hasOneUse() ? *score.getUsers().begin() : nullptr;
  const bool may_fold = only_user && only_user->getNumResults() == 1 && !is_strict(only_user->getResult(0)) && only_user->getBlock() == &block;
  if (const Value factor = may_fold ? shared_factor(only_user, score, is_shared) : Value()) {
    const std::string text = fmt::format("acc * {}", item(function, {factor, Factor::Scale}));
    function.names[only_user->getResult(0)] = define(function, score.getType(), text);
  } else {
    function.names[score] = define(function, score.getType(), "mul_rn(acc, params.scale)");
  }

  // The last operation is a multiplication, if only the one with log2(e). Where all pairs of a launch share its factor, a kernel may leave it to what
  // reads the logits.
  const Value result = cast<flex::YieldOp>(block.getTerminator()).getValues()[0];
  Operation* last = result.getDefiningOp();
  std::string element, factor = "kLog2E";
  Level factor_level = Level::Launch;
  bool is_constant = true;
  if (auto product = dyn_cast_or_null<flex::MulOp>(last); product && result.hasOneUse() && !is_strict(result) && !function.names.contains(result)) {
    for (Value operand : {product.getLhs(), product.getRhs()}) {
      const Value shared = element.empty() ? shared_factor(last, operand, is_shared) : Value();
      if (!shared || is_shared(operand)) continue;
      element = value(function, operand), factor = item(function, {shared, Factor::Log2E});
      factor_level = level_of_item({shared}), is_constant = flex::constant_float(shared).has_value();
    }
  }
  if (element.empty()) element = value(function, result);
  if (score_class_ != ScoreClass::General || factor_level != Level::Launch) {
    line(function, fmt::format("return {} * {};", element, factor));
    return of_pair("logit2", function.body);
  }
  line(function, fmt::format("return {};", element));
  return fmt::format("  static constexpr LogitFactor kLogitFactor = LogitFactor::{};\n{}\n  FLEXC_HOOK static float logit2_factor({}) {{ return {}; }}\n\n{}",
                     is_constant ? "kConstant" : "kLaunch", of_pair("logit2_element", function.body), parameter("const Params&", "params", factor), factor,
                     of_pair("logit2", "    return logit2_element(params, row, kv, table, column, acc) * logit2_factor(params);\n"));
}

std::string HooksEmitter::keep_function() {
  Function function(Level::Pair);
  const std::string kept = value(function, cast<flex::YieldOp>(mask_.getBody().front().getTerminator()).getValues()[0]);
  line(function, fmt::format("return {};", kept));
  return "  template <class Table>\n  FLEXC_HOOK static bool keep(" + parameter("const Params&", "params", function.body) + ", " +
         parameter("const Row&", "row", function.body) + ", " + parameter("Position", "kv", function.body) + ", " + parameter("const Table&", "table", function.body) + ", " +
         parameter("int", "column", function.body) + ") {\n" + function.body + "  }\n";
}

/// Its values are needed once an item, so they are computed here and not kept in the row.
std::string HooksEmitter::band_function() {
  const std::string begin = "  FLEXC_HOOK static Band<Position> band(";
  if (!band_) return begin + "const Params&, const Row&) { return whole_band<Position>(); }\n";
  Function function(Level::Row, /*with_row=*/true);
  std::vector<std::string> limits;
  for (Value limit : cast<flex::YieldOp>(band_.getBody().front().getTerminator()).getValues()) limits.push_back(value(function, limit));
  line(function, fmt::format("return {}<Position>({});", limits.size() == 2 ? "one_interval" : "two_intervals", fmt::join(limits, ", ")));
  return begin + parameter("const Params&", "params", function.body) + ", " + parameter("const Row&", "row", function.body) + ") {\n" + function.body + "  }\n";
}

std::string HooksEmitter::params_struct() {
  std::string text = "  struct Params {\n    Problem problem;\n    float scale_log2e, scale;\n";
  unsigned words = kProblemWords + kScaleWords;
  const auto add = [&](const std::string& type, const std::string& name, unsigned count, const std::string& comment) {
    text += fmt::format("    {} {};{}\n", type, name, comment.empty() ? "" : "  // " + comment);
    words += count;
  };
  for (unsigned capture : captures_) {
    auto declaration = cast<flex::CaptureOp>(SymbolTable::lookupSymbolIn(variant_, fmt::format("c{}", capture)));
    const auto rank = static_cast<unsigned>(declaration.getDims().size());
    add(fmt::format("Capture<{}>", rank), fmt::format("c{}", capture), 1 + 2 * rank, fmt::format("{}[{}]", element_name(declaration.getElement()), dims_text(declaration)));
  }
  for (unsigned param : params_) {
    auto declaration = cast<flex::ParamOp>(SymbolTable::lookupSymbolIn(variant_, fmt::format("p{}", param)));
    add(fmt::format("Word<{}>", declaration.getType().isF32() ? "float" : "i64"), fmt::format("p{}", param), 1, element_name(declaration.getType()));
  }
  for (unsigned dim : fresh_dims_) add("Word<i64>", fmt::format("n{}", dim), 1, "a size that the captures bring");
  for (const auto& [type, name] : launch_fields_) add(fmt::format("Word<{}>", type), name, 1, "launch level");
  for (std::size_t i = 0; i < divisors_.size(); ++i) add("Divisor", fmt::format("d{}", i), kDivisorWords, "launch level");
  return text + fmt::format("  }};\n  static_assert(sizeof(Params) == {} * sizeof(u64), \"words without gaps\");\n", words);
}

std::string HooksEmitter::header() {
  constexpr std::string_view kScores[] = {"identity", "affine", "general"};
  std::string text = fmt::format("// Mods of an attention variant by flexc {}, for the kernels of its templates. The same variant gives the same bytes.\n", FLEXC_VERSION);
  if (is_plain(options_.gallery_name)) text += fmt::format("//   variant  {} (gallery)\n", options_.gallery_name);
  if (is_plain(options_.identity)) text += fmt::format("//   form     {}\n", options_.identity);
  text += fmt::format("//   options  {} member, hooks interface {}\n", options_.member == Member::Narrow ? "narrow" : "wide", kInterface);
  const std::string_view mask = mask_ ? (band_ ? "inside a band, pair by pair" : "pair by pair") : band_ ? "a band" : "none";
  text += fmt::format("//   score    {}\n//   mask     {}\n", kScores[static_cast<std::size_t>(score_class_)], mask);
  return text;
}

std::string HooksEmitter::assemble() {
  constexpr std::string_view kClasses[] = {"kIdentity", "kAffine", "kGeneral"};
  const auto reads_table = [&](const char* name) { return texts_[name].find("table.word(") != std::string::npos; };
  std::string text = header();
  if (options_.with_include) text += "#include \"templates/hooks.cuh\"\n";
  text += fmt::format("\nnamespace flexc::mods {{\n\nstruct {} {{\n", options_.struct_name);
  text += fmt::format("  static constexpr int kInterface = {};\n", kInterface);
  text += "  static_assert(kInterface == kHooksInterface, \"another version of the templates\");\n";
  text += fmt::format("  static constexpr ScoreClass kScoreClass = ScoreClass::{};\n", kClasses[static_cast<std::size_t>(score_class_)]);
  text += fmt::format("  static constexpr bool kHasMask = {}, kHasBand = {}, kHasGradient = false;\n", spelling(static_cast<bool>(mask_)), spelling(static_cast<bool>(band_)));
  text += fmt::format("  static constexpr int kBandIntervals = {};\n", band_ && cast<flex::YieldOp>(band_.getBody().front().getTerminator()).getValues().size() == 4 ? 2 : 1);
  if (band_ && !band_begins(band_)) text += "  static constexpr bool kBandBegins = false;\n";
  text += fmt::format("  static constexpr bool kScoreReadsColumns = {}, kMaskReadsColumns = {};\n", spelling(reads_table("logit2")), spelling(reads_table("keep")));
  // Only a reduction of rows prints a loop.
  if (texts_["logit2"].find("for (i64 ") != std::string::npos) text += "  static constexpr bool kScoreIsLong = true;\n";
  if (relative_words_ > 0) text += fmt::format("  static constexpr int kRelativeWords = {};\n", relative_words_);
  text += fmt::format("  static constexpr int kColumnWords = {};\n  using Position = i64;\n\n", column_words_);
  text += params_struct() + "\n" + texts_["launch"];
  for (const char* name : {"head", "row", "columns", "relative", "affine", "logit2", "band", "keep"})
    if (!texts_[name].empty()) text += "\n" + texts_[name];
  text += "\n  template <class Table>\n  FLEXC_HOOK static float dlogit2(const Params&, const Row&, Position kv, const Table& table, int column, float acc);\n};\n\n}  // namespace flexc::mods\n";
  return text;
}

}  // namespace flexc::compiler::cuda
