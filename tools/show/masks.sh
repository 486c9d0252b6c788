# Claims about block sparsity from the expression.
claim "the brute-force block mask, which the proofs are judged by, equals the mask at every pair" "0 tiles off" tests '^mask$'
claim "no empty tile with a live pair, no full tile with a dead one; refine=exact equals brute force: 10,000 random tile programs, edge values in every operation" "0 wrong" test_figure tile.programs 'random programs:'
claim "the same from text: random masks with nested functions, captures sorted and not, against the oracle" "0 unsound" test_figure tile.random_masks 'random masks,'
claim "unsound range functions planted in the interpreter, and identities of masks that leave something out, are caught" "all, >= 25" test_figure tile.sabotage 'unsound range functions caught'
claim "positions in steps: 3,000 random tile programs sound, exact when refined; striped shards of the field's masks are found in the same ways" "0 wrong" tests '^tile\.(programs|field_masks)$'
claim "refine=none leaves 0 tiles undecided beyond the truly partial for the field's masks (<= 1 % unsorted documents, cross-attention); ten rewrites of each give the same map; goldens 46.875 % and 29.1015625 %" "0" tests '^tile\.field_masks$'
claim "output and lse bitwise equal with no block mask, refine=none, default and exact, in several block sizes, on CPU and host model, over the field's masks; odd lengths, grouped heads; a block mask with one false tile is noticed" "equal; all" test_figure tile.refine_bits 'refine bits on '
claim "Hopper members with a mask of pairs: metadata of 400 random masks, shapes, blocks and tiles are what the blocks say, items by actual cost; only their tiles are loaded; a false tile is noticed" "0 reports; all" test_figure hopper.mods_on_the_model 'false block masks noticed'
# mask_cost MS BYTES EVALUATIONS_A_ROW VARIANT OPTION…: one mask at 1,048,576², block 128; the figure is its cost. A build takes about a millisecond, so one
# disturbance would decide: the time is the median of 15 fresh processes, each of which gives the median of its own builds.
mask_cost() {
  local limit_ms=$1 limit_bytes=$2 limit_evaluations=$3
  shift 3
  if [ ! -x "$build/bin/flexc" ]; then echo "nothing is built: run tools/test.sh first"; return 77; fi
  python3 - "$limit_ms" "$limit_bytes" "$limit_evaluations" "$build/bin/flexc" mask "$@" --shape 1,2,1048576,1048576 --json <<'PYTHON'
import json, statistics, subprocess, sys
(ms, size, evaluations), command = map(float, sys.argv[1:4]), sys.argv[4:]
reports = [json.loads(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(15)]
times, report, rows = sorted(1e3 * each["build_s"] for each in reports), reports[0], 1048576 // 128
median = statistics.median(times)
print(f"{median:.2f} ms ({times[0]:.2f} to {times[-1]:.2f}), {report['bytes']} bytes, {report['evaluations'] / rows:.1f} evaluations and {report['pair_evaluations'] / rows:.1f} pairs a q-block ({report['method']})")
sys.exit(median > ms or report["bytes"] > size or report["evaluations"] > evaluations * rows)
PYTHON
}
# Documents of about 2,097 tokens: 500 of them.
documents_cost() {
  local folder status=0
  folder=$(mktemp -d)
  # Debian's own Python has NumPy; another of that name in PATH may not.
  local python=python3
  [ -x /usr/bin/python3 ] && python=/usr/bin/python3
  "$python" -c 'import numpy, sys; numpy.save(sys.argv[1], (numpy.arange(1 << 20) * 500 >> 20).astype(numpy.int32))' "$folder/doc.npy" || { rm -rf "$folder"; echo "no NumPy"; return 77; }
  mask_cost 20 1e9 1e9 document --capture "doc=$folder/doc.npy" || status=$?
  rm -rf "$folder"
  return $status
}
claim "1,048,576², block 128: causal" "<= 1 ms, 1 MB, 4 evaluations a q-block" mask_cost 1 1e6 4 causal
claim "1,048,576², block 128: sliding window 1024" "<= 1 ms, 1 MB, 4 evaluations a q-block" mask_cost 1 1e6 4 sliding_window
claim "1,048,576², block 128: prefix 512" "<= 1 ms, 1 MB, 4 evaluations a q-block" mask_cost 1 1e6 4 prefix_lm --param prefix=512
claim "1,048,576², block 128: 500 documents" "<= 20 ms" documents_cost
claim "1,048,576², block 128: NATTEN 13x13 on a 1024x1024 canvas" "<= 2 s" mask_cost 2000 1e9 1e9 natten --const WIDTH=1024 --const HEIGHT=1024 --const KERNEL_W=13 --const KERNEL_H=13
# FLEXC_TORCH_PYTHON: a Python with torch and NumPy, which the tests do not need.
beside_pytorch() {
  if [ -z "${FLEXC_TORCH_PYTHON-}" ]; then echo "PyTorch is no part of the tests' environment: set FLEXC_TORCH_PYTHON to a Python that has torch"; return 77; fi
  if [ ! -x "$build/bin/flexc" ]; then echo "nothing is built: run tools/test.sh first"; return 77; fi
  local status=0
  "$FLEXC_TORCH_PYTHON" "$here/compare_block_mask.py" "$build/bin/flexc" --least 1 || status=$?
  [ $status -ne 3 ] || return 77
  return $status
}
claim "beside PyTorch's create_block_mask, compiled, on the same CPU, at 8k and 32k: causal, window, prefix, documents, equal tiles; build times in turn" "ratio >= 1" beside_pytorch
# Rates over kept pairs in turn, each round's over causal's; the figure is the median ratio.
kept_pair_rates() {
  if [ ! -f "$build/CTestTestfile.cmake" ]; then echo "nothing is built: run tools/test.sh first"; return 77; fi
  cmake --build "$build" --target bench_masks >/dev/null || return 1
  "$build/bin/bench_masks" 8 4096 "$1" 15 0.85
}
for dim in 64 128; do
  claim "CPU rate over kept pairs, f32 4096², 8 heads, D$dim, two pinned threads: window 1024, prefix 512, 4 documents of 1024, over causal's in the same round" ">= 0.85 each" kept_pair_rates $dim
done
claim "masks are cached by a digest of what is read; one element of a capture changed" "0 stale of 1,000" test_figure mask 'one element changed: '
claim "the same through the engine; found on disk where building took over 10 ms; checked runs refuse a mask that does not belong to the call" "all pass" tests '^api$'
claim "flexc explain: the operation that left a tile undecided, and its captures" "all pass" tests '^(tile\.programs|cli)$'
claim "the tile program as a CUDA kernel, a thread a region, on the host model: its verdicts are the interpreter's for 2,000 random programs with captures; a false operation is noticed; NVRTC compiles it" "0 differ; all" test_figure tile.verdict_kernel 'verdict kernel: '
claim "block masks of captures in a GPU's memory are the host's, by kernels of summaries, verdicts and single pairs, on the host model (not yet run on a GPU): random programs with every refinement; failing devices leave nothing; NVRTC compiles them without spills" "0 differ" test_figure tile.remote 'masks on the device: '
claim "kernels of block masks that are given false work are noticed" "all of 17" test_figure tile.remote 'false kernels of block masks noticed: '
claim "the same for the field's masks at 4096², block 128, on the host model (not yet run on a GPU)" "0 differ; 0 bytes of documents copied out" test_figure tile.remote.field_masks "field's masks on the device: "
claim "the same through the engine and the stand-in driver (not yet run on a GPU): all as the host's, of captures only elements that no position changes are copied back; every failing call of the driver is an error and leaks nothing" "0 differ; < 200 bytes" test_figure cuda.device_masks 'masks through the stand-in driver: '
