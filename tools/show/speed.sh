# Claims about the CPU kernel's speed, alone and beside PyTorch. Nothing else may run on the machine meanwhile.
python=python3
[ -x /usr/bin/python3 ] && python=/usr/bin/python3

# suite NAME [peers]: measures a suite and judges it by the limits in tools/bench_suite.py. FLEXC_TORCH_PYTHON: a Python with torch and NumPy.
suite() {
  if [ ! -x "$build/bin/flexc" ]; then echo "nothing is built: run tools/test.sh first"; return 77; fi
  local compare=() status=0
  if [ "${2-}" = peers ]; then
    if [ -z "${FLEXC_TORCH_PYTHON-}" ]; then echo "PyTorch is no part of the tests' environment: set FLEXC_TORCH_PYTHON to a Python that has torch"; return 77; fi
    compare=(--compare "$FLEXC_TORCH_PYTHON")
  fi
  # What a mod's own mathematics costs is measured by itself.
  if [ "$1" = mods ]; then
    cmake --build "$build" --target bench_operations >"$build/show.log" 2>&1 || { tail -n 20 "$build/show.log"; return 1; }
    compare+=(--operations "$build/bin/bench_operations")
  fi
  "$python" -B "$here/bench_suite.py" measure "$build/bin/flexc" "$1" -o "$build/bench_$1.json" "${compare[@]}" || return 1
  "$python" -B "$here/bench_suite.py" judge "$build/bench_$1.json" || status=$?
  [ $status -ne 3 ] || return 77
  return $status
}
claim "CPU, the paper's seven variants, f32, 4096², D 64 and 128, beside compiled FlexAttention and SDPA, call by call" \
  "FlexAttention >= 2x each, or the share of peak; geometric mean >= 2.5x; SDPA: noop >= 1.1x, causal >= 1.5x, or the share" suite paper peers
claim "CPU, 96 heads of 512², share of peak; 2048² in bf16 beside f32" "noop >= 80 %, causal >= 75 %; bf16 >= 1.0x" suite shapes
claim "CPU decode, one row against 65,536, share of read bandwidth" "f32 >= 95 %, bf16 >= 80 %, GQA 4:1 >= 65 %" suite decode
claim "CPU cold compile, text to running code, the paper's seven" "<= 100 ms each" compile_seconds 0.1 noop causal alibi sliding_window prefix_lm softcap document
claim "bench --compare: the peers' script and its judgement of outputs, on a stand-in for PyTorch" "all pass" tests '^cli\.compare'
claim "dense mods beside noop, masks beside causal over kept pairs; a mod's own mathematics as bench_operations measures it" \
  "mods within 10 % and their own mathematics, masks 10 %, document 15 %" suite mods
claim "CPU, two threads against one, noop and causal 4096²" ">= 1.9x" suite threads
claim "CPU, time against kept pairs, 1k to 64k positions" "linear: a power of 0.90 to 1.05" suite lengths
