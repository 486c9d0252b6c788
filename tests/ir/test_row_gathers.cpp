// Gathers of compiled mods with any index, from captures that lie between unreadable pages: nothing out of range is touched.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <limits>

#include "compiler/stages.h"
#include "runtime/loader/row_object.h"
#include "tests/ir/normal_form_of.h"

using namespace flexc;

namespace {

/// `size` bytes that end (or begin) exactly where a page begins (or ends) that cannot be read.
class Guarded {
 public:
  Guarded(const void* bytes, std::size_t size, bool at_end) : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
    void* memory = mmap(nullptr, 3 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    memory_ = static_cast<std::byte*>(memory);
    REQUIRE(mprotect(memory_ + page_, page_, PROT_READ | PROT_WRITE) == 0);
    data_ = memory_ + page_ + (at_end ? page_ - size : 0);
    std::memcpy(data_, bytes, size);
  }
  ~Guarded() { munmap(memory_, 3 * page_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  const void* data() const { return data_; }

 private:
  std::size_t page_;
  std::byte* memory_ = nullptr;
  std::byte* data_ = nullptr;
};

std::vector<std::int64_t> indices() {
  using Integers = std::numeric_limits<std::int64_t>;
  std::vector<std::int64_t> all;
  for (std::int64_t i = -20; i <= 20; ++i) all.push_back(i);
  for (std::int64_t far : {Integers::max(), Integers::min(), Integers::max() - 1, Integers::min() + 1, std::int64_t{1} << 32, -(std::int64_t{1} << 32), std::int64_t{1} << 61})
    all.push_back(far);
  return all;
}

/// What `table[index[kv]]` gives for n elements 1, 2, …, n, at every index; `dtype` is the table's, `size` its element's. The narrow
/// member has indices of 32 bits.
void check(const std::string& dtype, std::size_t size, const void* elements, std::int64_t n, bool at_end, compiler::Member member) {
  const bool is_narrow = member == compiler::Member::Narrow;
  INFO(dtype << " of " << n << (at_end ? " before" : " behind") << " a guard page" << (is_narrow ? ", narrow" : ""));
  std::string error;
  const auto form = normal_form_of_text("gather.flex", "tensor table: " + dtype + "[n]\ntensor index: " + std::string(is_narrow ? "i32" : "i64") + "[KV]\ndef score_mod(score, b, h, q_idx, kv_idx):\n    return score * 0.0 + table[index[kv_idx]] + table[index[q_idx]] * 0\n", error);
  INFO(error);
  REQUIRE(form.has_value());
  const auto code = compiler::compile_row_member(*form, member);
  REQUIRE(code.has_value());
  CHECK((code->manifest.assumptions & compiler::kAssumesCaptures) == (is_narrow ? 0u + compiler::kAssumesCaptures : 0u));
  const auto loaded = runtime::RowObject::load(code->object);
  REQUIRE(loaded.has_value());
  const flexc_row_module& module = loaded->module();

  std::vector<std::int64_t> at = indices();
  if (is_narrow)
    for (std::int64_t& i : at) i = std::clamp<std::int64_t>(i, std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max());
  const std::vector<std::int32_t> low(at.begin(), at.end());
  const auto count = static_cast<std::int64_t>(at.size());
  const Guarded table(elements, size * static_cast<std::size_t>(n), at_end), index(is_narrow ? static_cast<const void*>(low.data()) : at.data(), at.size() * (is_narrow ? sizeof(std::int32_t) : sizeof(std::int64_t)), true);
  const std::int64_t one = 1;
  const flexc_row_capture captures[] = {{table.data(), &n, &one}, {index.data(), &count, &one}};
  const flexc_row_launch launch{{1, 1, 1, 1, count}, captures, nullptr, &n, nullptr, 1.0f, 1.0f};
  std::vector<std::uint64_t> columns(static_cast<std::size_t>(count) * module.kv_side_slots);
  if (module.kv_side) module.kv_side(&launch, nullptr, 0, 0, 0, 1, count, columns.data(), at.size());
  const flexc_row_levels levels{nullptr, nullptr, columns.data(), at.size()};
  for (std::int64_t q : {std::int64_t{0}, std::int64_t{20}, count - 1}) {
    const flexc_row_segment segment{0, 0, q, 0, 1, count};
    alignas(FLEXC_ROW_ALIGNMENT) float s[128] = {};
    module.score_row(&launch, &levels, &segment, s);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < at.size(); ++i) {
      const std::int64_t wrapped = at[i] < 0 ? at[i] + n : at[i];
      const float expected = wrapped >= 0 && wrapped < n ? static_cast<float>(dtype == "bool" ? 1 : wrapped + 1) * 1.44269504088896340736f : 0.0f;
      wrong += s[i] != expected;
    }
    CHECK(wrong == 0);
  }
}

}  // namespace

TEST_CASE("gathers touch nothing out of range") {
  const float f32s[] = {1, 2, 3, 4, 5, 6, 7};
  const std::uint16_t f16s[] = {0x3C00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600, 0x4700}, bf16s[] = {0x3F80, 0x4000, 0x4040, 0x4080, 0x40A0, 0x40C0, 0x40E0};
  const std::int32_t i32s[] = {1, 2, 3, 4, 5, 6, 7};
  const std::int64_t i64s[] = {1, 2, 3, 4, 5, 6, 7};
  const std::uint8_t u8s[] = {1, 2, 3, 4, 5, 6, 7};
  for (const bool at_end : {true, false}) {
    for (const std::int64_t n : {7, 1, 0}) {
      for (const auto member : {compiler::Member::Wide, compiler::Member::Narrow}) {
        check("f32", 4, f32s, n, at_end, member);
        check("f16", 2, f16s, n, at_end, member);
        check("bf16", 2, bf16s, n, at_end, member);
        check("i32", 4, i32s, n, at_end, member);
        check("i64", 8, i64s, n, at_end, member);
        check("u8", 1, u8s, n, at_end, member);
        check("bool", 1, u8s, n, at_end, member);
      }
    }
  }
}
