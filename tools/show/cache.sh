# Claims about the kernel cache (RELIABILITY.md 1 to 8), ahead-of-time bundles and host programs.
claim "corruption sweep, one process: every byte flipped (three patterns), every truncation, appended bytes, entries swapped, forced collision, old format, foreign and writable directories, links, FIFOs" "no wrong hit, no hang, healed" tests '^cache$'
claim "kill -9 before and after each call, and at 2,000 random instants" "0 bad entries; <= 1 leftover a kill; every call of the write path met >= 20 times; 10-90 % leave no entry" test_figure cache.kill_2000 'kills: '
claim "faults at the N-th open, read, write, flock, fcntl, close, rename, unlink; once and for ever" "0 failures" test_figure cache.faults_all 'faults: '
claim "32 processes x 10,000 operations on 64 keys, pruning all the while" "0 errors, 0 bad, size within the bound" test_figure cache.stress_32 'stress: '
claim "planted faults (no rename, digest over the header only, key not compared, no O_EXCL, writers not checked): each fails the test that it names" "all" tests '^cache\.planted'
claim "the engine: another engine finds what one compiled, one compilation for 16 threads, each key field alone, 1,000 changes of lengths, batch, heads, params and captures without a compilation" "all pass" tests '^api$'
# cache_hit NAME LIMIT_NS: the median of 15 repetitions, with their spread.
cache_hit() {
  if [ ! -f "$build/CTestTestfile.cmake" ]; then echo "nothing is built: run tools/test.sh first"; return 77; fi
  cmake --build "$build" --target bench_cache >/dev/null || return 1
  "$build/bin/bench_cache" --benchmark_filter="^$1" --benchmark_format=csv 2>/dev/null | awk -F, -v limit="$2" '
    /_median/ { median = $3 } /_stddev/ { spread = $3 }
    END { printf "median %.0f ns, standard deviation %.0f ns\n", median, spread; exit !(median > 0 && median <= limit) }'
}
claim "memory hit" "<= 1 µs" cache_hit memory_hit 1000
claim "disk hit: a fresh engine, the compiler identified, the entry verified and mapped" "<= 1 ms" cache_hit disk_hit 1000000
claim "cubins: a compiler child killed, crashed, hung, out of memory; spoiled entries, unusable directories, faults and kills at each call, eight writers, any toolchain where there is none" "an error in time, a clean cache; the right bytes" test_figure cuda.cubin_cache "cubins: "
claim "the checks of cubins see a wrong kernel behind a right digest, and entries that are broken" "all" test_figure cuda.cubin_cache.negative "planted faults seen"
claim "bundles: every gallery entry's kernel gives the compiler's bits; 16 threads share one kernel; every byte flipped in three ways, every truncation, tables and objects damaged under a good digest" "0 accepted that should not be" tests '^bundle$'
claim "bundles on CUDA, on the stand-in driver: cubins of both members give the host model's bits, also in a host of flexc::runtime alone with the compiler's libraries unreadable; each call of the driver fails in turn; damaged and contradictory ones are refused" "0 leaks, 0 accepted" test_figure bundle.cuda 'driver failures|skipped'
claim "the whole gallery for bf16 and f16 with head dims 64, 128 and 256 as a bundle of cubins: loaded by flexc::runtime alone, every kernel's machine code taken by the stand-in driver" "all" test_figure bundle.cuda_gallery.all 'gallery on CUDA|skipped'
claim "hosts of flexc::runtime alone, for the CPU and for a GPU: ldd shows no LLVM, MLIR or NVRTC; they run with those libraries unreadable, and give the bits of flexc run" "all" tests '^bundle\.host'
# bundle_start NAME LIMIT_US: the median of 15 repetitions, with their spread, over a bundle of the whole gallery.
bundle_start() {
  if [ ! -f "$build/CTestTestfile.cmake" ]; then echo "nothing is built: run tools/test.sh first"; return 77; fi
  cmake --build "$build" --target bench_bundle flexc >/dev/null || return 1
  scratch=$(mktemp -d)
  "$build/bin/flexc" compile $("$build/bin/flexc" gallery list | awk '{ print $1 }') --dtype f32 --head-dim 64 -o "$scratch/gallery.flexb" 2>/dev/null &&
    FLEXC_BENCH_BUNDLE=$scratch/gallery.flexb "$build/bin/bench_bundle" --benchmark_filter="^$1/" --benchmark_format=csv 2>/dev/null | awk -F, -v limit="$2" '
      /_median/ { median = $3 } /_stddev/ { spread = $3 }
      END { printf "median %.0f us, standard deviation %.0f us\n", median, spread; exit !(median > 0 && median <= limit) }'
  status=$?
  rm -rf "$scratch"
  return $status
}
claim "cold start of a bundle-only host, from the process's start to its end: the whole gallery's bundle read and verified, a kernel, one small call" "<= 20 ms" bundle_start process 20000
claim "the same without the process" "<= 20 ms" bundle_start load_and_run 20000
claim "one element of a capture changed: never stale metadata" "0 stale of 1,000" test_figure mask 'one element changed: '
claim "planted faults of mask keys (a digest that skips the last element, of the pointer alone, of the first stretch; params or lengths left out): caught" "all" test_figure tile.sabotage 'unsound range functions caught'
claim "host programs from an install prefix: the embedding guide's project, the design's snippet in C++ and C; what they must notice is planted" "all pass" tests '^apps\.(build|guide|snippet|.*negative)'
claim "sentence embeddings: the whole model in a host program, six texts in one sequence" "within 1e-4 of the model's own" test_figure apps.embeddings 'embeddings: |skipped: '
claim "decoding over a growing cache: 3 layers, every 37th step against float64" "no compilation after the first call, the heap grows by at most 64 KiB" test_figure apps.decode 'decode: '
claim "the same loop in a host that links flexc::runtime alone, its kernel from a bundle; a flipped byte is refused" "float64 within 1e-4; neither compiler nor LLVM among its libraries" test_figure apps.decode_bundle 'decode: .*bundle'
claim "a server's loop: 16 threads, 8 variants, mixed shapes" "bits of one thread alone, one compilation a key, resident memory grows by at most 16 MiB" test_figure apps.serve_long 'serve: '
claim "ThreadSanitizer: table of kernels, worker pool, cache on disk; a planted race is reported" "no report" tests '^threads\.parts'
claim "ThreadSanitizer: the engine's tests and the threaded host programs on an instrumented flexc; a planted race is reported" "no report" tests '^threads\.(build|api|decode|serve)'
