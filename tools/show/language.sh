# Claims about the language, the oracle and the command line.
claim "every operation at edge values, in every combination of operand types, as in docs/language.md" "0 failures" test_figure semantics.operations 'operations: '
claim "constructs mean what CPython says" "0 failures" test_figure semantics.constructs 'constructs: '
claim "random programs agree with CPython" "0 differ" test_figure semantics.random_programs 'random programs: '
claim "every variant and edge of the conformance list equals float64 attention in NumPy" "1e-6 (f32 outputs), 0 failures" test_figure conformance.variants 'conformance: '
claim "gallery: every entry runs and equals its formula" "all pass" tests '^gallery'
claim "one test for each diagnostic code, text and caret; flexc check --list-codes equals the set tested" "all pass" tests '^diagnostics(\.programs)?$'
claim "every limit at N-1, N, N+1; a million nested brackets, 10 MB of text, on a 256 KiB stack" "0 failures" test_figure limits.limits 'limits: '
claim "1,000 hostile texts: no user byte in the normal form" "0 failures" test_figure limits.hostile 'hostile texts: '
claim "fuzzing of bytes under sanitizers" "no crash" tests '^fuzz\.language$'
claim "fuzzing by grammar, elaborated and evaluated, under sanitizers" "no crash" tests '^fuzz\.grammar$'
claim "fuzzing of tensor files under sanitizers" "no crash" tests '^fuzz\.(npy|safetensors)$'
claim "sabotage: wrong evaluators caught by the test set" ">= 25, all caught" test_figure oracle.sabotage 'wrong evaluators caught'
claim "every example in README and docs runs" "0 failures" test_figure docs.examples 'documentation: '
claim "each checker rejects broken input" "all pass" tests '(negative|scripts|finds_a_crash|runtime_links)'
claim "front end, elaborator, oracle, readers, random numbers, pictures, host API: unit tests" "all pass" \
  tests '^(syntax|elaborate|oracle\.tests|math\.expansions|io|random|pictures|api|contracts\.row_segment)$'

# A real model's attention, as the quickstart runs it, without building anything.
model_attention() {
  if [ ! -x "$build/bin/flexc" ]; then echo "nothing is built: run tools/quickstart.sh first"; return 77; fi
  local work tensors="$root/tests/data/minilm_layer3.safetensors" status=0
  work=$(mktemp -d)
  "$build/bin/flexc" run document --q "$tensors:q" --k "$tensors:k" --v "$tensors:v" --capture "doc=$tensors:doc" --out "$work/out.npy" &&
    "$build/bin/flexc" mask document --shape 1,12,470,470 --capture "doc=$tensors:doc" --block 32,32 --out "$work/map.npy" --json >"$work/mask.json" &&
    python3 "$root/tools/quickstart_report.py" --out "$work/out.npy" --expected "$tensors:out" --limit 2e-5 --seconds 0 --map "$work/map.npy" \
      --mask-json "$work/mask.json" >"$work/report" || status=$?
  [ ! -f "$work/report" ] || grep 'largest difference' "$work/report"
  rm -rf "$work"
  return $status
}
claim "flexc run document equals the model's own attention output" "2e-5" model_attention

# seconds NAME LIMIT: what tools/test.sh measured last, from nothing.
seconds() {
  local value
  value=$(awk -v name="$1" '$1 == name { print $2 }' "$build/test_seconds" 2>/dev/null)
  if [ -z "$value" ]; then echo "no run of tools/test.sh has ended here"; return 77; fi
  echo "$value s"
  awk -v value="$value" -v limit="$2" 'BEGIN { exit !(value <= limit) }'
}
claim "first build, as tools/test.sh measured it" "<= 600 s on two cores" seconds build 600
claim "tools/test.sh in all, as it measured itself" "<= 22 minutes on two cores, from nothing" seconds total 1320
