// Entry points into emitted mods that a C++ compiler of the host has compiled. Both sides include this: the generated unit, which has no
// standard headers, and the tests.
#pragma once

#include "templates/hooks.cuh"

namespace flexc_test {

using flexc::mods::i64;
using flexc::mods::u32;

/// A run of columns of one row, as a kernel would walk it.
struct Segment {
  int b, h;
  i64 q, kv_base, kv_step;
  int count;
};

/// What a mod lacks is null. `words` is its table of columns, [word][count]. `logit2` makes a table of differences, as a kernel does, where the mod has
/// one; `logit2_in_place` brings none, as a template without such tables, and `logit2_factored` multiplies elements with the factor itself.
struct HostMod {
  void (*fill_launch)(void* params);
  void (*columns)(const void* params, const Segment& segment, u32* words);
  void (*affine)(const void* params, const Segment& segment, float* three);
  void (*logit2)(const void* params, const Segment& segment, const u32* words, const float* acc, float* out);
  void (*logit2_in_place)(const void* params, const Segment& segment, const u32* words, const float* acc, float* out);
  void (*logit2_factored)(const void* params, const Segment& segment, const u32* words, const float* acc, float* out);
  void (*keep)(const void* params, const Segment& segment, const u32* words, unsigned char* out);
};

#if defined(FLEXC_EMITTED_MODS)
/// Both tables of a segment's columns: entry i is the difference of column i.
template <int kWords>
struct BothTables : flexc::mods::ColumnTable {
  flexc::mods::DifferenceWords<kWords> differences[1024];
  u32 relative(int word, int column) const { return differences[column].words[word]; }
};

/// Filled by keep_bits in words of up to 32, so that the shared function is part of what is tested.
template <class Hooks>
struct Entry {
  using Params = typename Hooks::Params;
  using Row = typename Hooks::Row;

  static Row row_of(const Params& params, const Segment& s) { return Hooks::q_side(params, Hooks::head(params, s.b, s.h), s.q); }
  static flexc::mods::ColumnTable table_of(const u32* words, int count) { return {const_cast<u32*>(words), count}; }

  static void fill_launch(void* params) { Hooks::fill_launch(*static_cast<Params*>(params)); }
  static void columns(const void* words_of_params, const Segment& s, u32* words) {
    const Params& params = *static_cast<const Params*>(words_of_params);
    const typename Hooks::Head head = Hooks::head(params, s.b, s.h);
    flexc::mods::ColumnTable table = table_of(words, s.count);
    for (int i = 0; i < s.count; ++i) Hooks::kv_side(params, head, s.kv_base + s.kv_step * i, table, i);
  }
  static void affine(const void* words_of_params, const Segment& s, float* three) {
    const Params& params = *static_cast<const Params*>(words_of_params);
    const flexc::mods::Affine affine = Hooks::affine(params, row_of(params, s), s.kv_base, s.kv_step);
    three[0] = affine.factor, three[1] = affine.row, three[2] = affine.slope;
  }
  static void logit2(const void* words_of_params, const Segment& s, const u32* words, const float* acc, float* out) {
    if constexpr (flexc::mods::kRelativeWords<Hooks> > 0) {
      const Params& params = *static_cast<const Params*>(words_of_params);
      const Row row = row_of(params, s);
      BothTables<flexc::mods::kRelativeWords<Hooks>> tables{table_of(words, s.count), {}};
      const typename Hooks::Head head = Hooks::head(params, s.b, s.h);
      using flexc::mods::u64;
      for (int i = 0; i < s.count; ++i)
        Hooks::relative(params, head, static_cast<i64>(static_cast<u64>(s.q) - static_cast<u64>(s.kv_base + s.kv_step * i)), tables.differences[i], i);
      for (int i = 0; i < s.count; ++i) out[i] = Hooks::logit2(params, row, s.kv_base + s.kv_step * i, tables, i, acc[i]);
    } else {
      logit2_in_place(words_of_params, s, words, acc, out);
    }
  }
  static void logit2_in_place(const void* words_of_params, const Segment& s, const u32* words, const float* acc, float* out) {
    const Params& params = *static_cast<const Params*>(words_of_params);
    const Row row = row_of(params, s);
    const flexc::mods::ColumnTable table = table_of(words, s.count);
    for (int i = 0; i < s.count; ++i) out[i] = Hooks::logit2(params, row, s.kv_base + s.kv_step * i, table, i, acc[i]);
  }
  static void logit2_factored(const void* words_of_params, const Segment& s, const u32* words, const float* acc, float* out) {
    const Params& params = *static_cast<const Params*>(words_of_params);
    const Row row = row_of(params, s);
    const flexc::mods::ColumnTable table = table_of(words, s.count);
    const float factor = Hooks::logit2_factor(params);
    for (int i = 0; i < s.count; ++i) out[i] = Hooks::logit2_element(params, row, s.kv_base + s.kv_step * i, table, i, acc[i]) * factor;
  }
  static void keep(const void* words_of_params, const Segment& s, const u32* words, unsigned char* out) {
    const Params& params = *static_cast<const Params*>(words_of_params);
    const Row row = row_of(params, s);
    const flexc::mods::ColumnTable table = table_of(words, s.count);
    const flexc::mods::Band<typename Hooks::Position> band = Hooks::band(params, row);
    for (int first = 0; first < s.count; first += 32) {
      // Columns beyond the segment repeat its last one: a table has no more than the segment's.
      const auto column_of = [&](int i) { return first + i < s.count ? first + i : s.count - 1; };
      u32 bits = ~0u;
      if constexpr (Hooks::kHasMask) bits = flexc::mods::keep_bits<Hooks, 32>(params, row, s.kv_base, s.kv_step, table, column_of);
      for (int i = 0; i < 32 && first + i < s.count; ++i) {
        const i64 kv = s.kv_base + s.kv_step * (first + i);
        const bool in_band = (kv >= band.lo0 && kv < band.hi0) || (kv >= band.lo1 && kv < band.hi1);
        out[first + i] = in_band && (bits >> i & 1u) != 0;
      }
    }
  }

  static constexpr HostMod table() {
    HostMod mod{&fill_launch, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr};
    if constexpr (Hooks::kColumnWords > 0) mod.columns = &columns;
    if constexpr (Hooks::kScoreClass == flexc::mods::ScoreClass::kAffine) mod.affine = &affine;
    if constexpr (Hooks::kScoreClass != flexc::mods::ScoreClass::kIdentity) mod.logit2 = &logit2, mod.logit2_in_place = &logit2_in_place;
    if constexpr (flexc::mods::kLogitFactor<Hooks> != flexc::mods::LogitFactor::kNone) mod.logit2_factored = &logit2_factored;
    if constexpr (Hooks::kHasMask || Hooks::kHasBand) mod.keep = &keep;
    return mod;
  }
};
#endif

}  // namespace flexc_test
