# Claims about the IR and the CPU back end.
claim "every conformance variant and edge on the CPU in f32 equals float64 attention in NumPy" "(2e-5 + 1e-4 |ref|) max(1, |s|/64)" test_figure conformance.cpu 'conformance: '
claim "gallery: every entry runs on the default device and equals its formula" "2e-5" tests '^gallery$'
claim "the kernel with mods written by hand: covering array on every instruction set, bf16 and f16, NaN rules, strides beyond 2^31" "all pass" tests '^cpu$'
claim "output bitwise equal for 1 and 2 threads, and with no block mask or a brute-force one" "equal" tests '^(cpu|api|cli)$'
claim "compiled mods at single pairs: the whole gallery, every operation at edge values; the strict cone bit-exact; captures between guard pages" "all pass" tests '^ir\.row'
claim "emit --stage ir | flexc-opt --flexc-pipeline equals --stage opt for every gallery entry; nothing is called in the assembly" "equal" tests '^ir\.stages'
claim "a lit case for each op and each pass; the row loop of alibi is in ymm or zmm registers and calls nothing" "all pass" tests '^lit\.'
claim "every pair of conformance variant and edge, f32 (covering array): lengths, head dims, GQA, broadcast K/V, views, KV beyond 2^31 elements, NaN, empty rows" \
  "(2e-5 + 1e-4 |ref|) max(1, |s|/64), no pair missing" test_figure conformance.pairs.f32 'conformance pairs: '
claim "the same in bf16 and f16, by both accuracy rules of the field" "max <= 2 pt + atol (3 with softcap); mean <= 1.1 pt" test_figure conformance.pairs.16_bits 'conformance pairs: '
claim "outputs spoiled by 1 %, three times pt's error, NaN, exchanged rows, plans without a pair: noticed" "all" test_figure conformance.pairs.negative 'conformance pairs, negative'
claim "Engine to output beyond 2^31 elements between rows and heads, captures too, gives the bits of compact copies" "equal" tests '^api$'
claim "2,000 random mods: oracle = CPU, optimised = not, strict cone to the bit, other floats within the documented errors; each op x type cell" "0 differ; >= 20 uses" test_figure random_mods.fast 'mods from seed'
claim "20,000 random mods (nightly): oracle = CPU, optimised = not" "0 differ" test_figure random_mods.nightly 'mods from seed'
claim "every op x type cell at edge values on the CPU" "0 differ" test_figure random_mods.edges 'values at edges'
claim "random mods against wrong evaluators: each is noticed, and shrinks" "22 of 22, <= 40 parts" test_figure random_mods.sabotage 'wrong evaluators noticed'
claim "removing any single pass changes the output of some gallery entry or lit case; emission includes no header of syntax or normal form" "all" tests '^ir\.(passes|emission)'
claim "integer ranges of random mods hold their values, narrow and wide; an expression said not to wrap does not" "0 outside" tests '^ir\.ranges'
claim "narrow and wide members give the same bits; offsets, totals, params, fresh dims and strides at 2^30 and 2^31 pick the right one and equal the oracle" "equal" tests '^(api|ir\.row_object)$'
claim "striped shards of every gallery entry over 1, 2, 3 and 5 ranks, merged by their lse, are the whole sequence's rows, on oracle and CPU; block masks of shards change no bit; steps that cannot be are refused" "equal" tests '^(api|c_api)$'
claim "every operation knows where it was written, from import to the end of the pipeline" "all" tests '^ir\.locations'
claim "random masks: band and residual together are the mask, at boundary pairs and extremes of 64 bits; a limit wrong by one is noticed" "0 differ" test_figure ir.bands 'band and residual'
claim "output bitwise equal with the band, with keep bits in its place, and with brute-force block masks; 1 and 2 threads, both members" "equal" tests '^ir\.band_kernel$'
# bench_cpu prints the share of the peak measured beside each run; the figure is the upper quartile.
share_of_peak() {
  if [ ! -f "$build/CTestTestfile.cmake" ]; then echo "nothing is built: run tools/test.sh first"; return 77; fi
  cmake --build "$build" --target bench_cpu >/dev/null || return 1
  local line share
  line=$("$build/bin/bench_cpu" "$1" "$2" 4096 "$3") || return 1
  echo "$line"
  share=$(sed -n 's/.*share of peak \([0-9.]*\) %.*/\1/p' <<<"$line")
  awk -v share="${share:-0}" -v limit="$4" 'BEGIN { exit !(share >= limit) }'
}
for dim in 64 128; do
  for variant in noop causal; do
    claim "the kernel, mods by hand: $variant f32 4096², D$dim, pinned, share of measured FMA peak over kept pairs" ">= 65 %" share_of_peak $variant $((512 / dim)) $dim 65
  done
done
claim "text to running code, the paper's seven: fresh process, empty cache, libraries opened in it" "<= 100 ms each" \
  compile_seconds 0.1 noop causal alibi sliding_window prefix_lm softcap document
