# Claims about the Hopper kernel. Nothing has been run on a GPU.
why="not yet run on a GPU"
claim "static gates on the emitted cubins, the paper's seven x bf16, f16 x D 64, 128, 256: no spills, no local memory, no C75xx, overlap" "0 violations; overlap >= 90 %" test_figure hopper.static_gates.nightly "kernels pass|skipped"
claim "the same for forms that a GPU may choose instead: pins, tiles" "0 violations; overlap >= 90 %" test_figure hopper.static_gates.forms "kernels pass|skipped"
claim "the gates reject a kernel without its pin, and one that spills" "all" test_figure hopper.static_gates.negative "rejected|skipped"
claim "issue slots a score element: D64 192x128; 128x128; D256 128x64; members that read block masks" "<= 6.4; 6.5; 9.0" test_figure hopper.static_gates.slots "slots an element|skipped"
claim "the same: 128x176, where it is asked for" "<= 6.1" test_figure hopper.static_gates.slots.wide "slots an element|skipped"
claim "issue slots with the lazy maximum: D64 192x128; D128 128x128, 128x176; no spill, all MUFU before the PV wait" "<= 5.3" test_figure 'hopper.static_gates.lazy' "slots an element|skipped"
claim "these gates reject the exact maximum, and the lazy one without a pin" "all" test_figure hopper.static_gates.lazy.negative "rejected|skipped"
claim "approved table of machine code (gallery x bf16, f16 x D 64, 128, 256, and forms): what is emitted is no worse, a sample" "0 faults" test_figure hopper.approved_sass "^[0-9]*: approved table|skipped"
claim "the same: all of it" "0 faults" test_figure hopper.approved_sass.nightly "^[0-9]*: approved table|skipped"
claim "a worse row, a missing row, another compiler are rejected; docs/performance/hopper_static.md is what the table says" "all" tests '^hopper\.(approved_sass\.table|sass_gates)$'
claim "flexc explain --kernel counts what the gates count; where operations and gathers are done, what is proven of gathers; says what is missing" "all" test_figure hopper.explain "explain and sass_gates|faults|skipped"
claim "the same: the whole gallery x D 64, 128, 256" "all" test_figure hopper.explain.all "explain and sass_gates|faults|skipped"
claim "every rule of issue slots, uniform instructions, clocks and overlap beside FlashAttention-3's and prototypes (docs/performance/hopper_static.md)" "every row keeps every rule" python3 -B "$root/tools/sass_table.py" rules
claim "lazy maximum on the host model: equals float64 attention, the same bits under every schedule; rising scores, jumps, masked rows are right; overflow is NaN and reported" "0 reports in 20 seeds x 3 policies" tests '^hopper.lazy_maximum$'
claim "the same" "0 reports in 200 seeds x 3 policies" tests '^hopper.lazy_maximum.nightly$'
claim "host model: its primitives and layouts against tables typed from the PTX ISA; programs with planted faults are caught, their correct twins are silent" "0 reports in 200 seeds x 3 policies" tests '^hopper_model$'
claim "host model: forward kernels D 64, 128, 256, noop and causal, equal float64 attention, without a report, the same bits under every schedule" "0 reports in 20 seeds x 3 policies" tests '^hopper_forward$'
claim "host model: the same" "0 reports in 200 seeds x 3 policies" tests '^hopper_forward_nightly$'
claim "host model: mutants of a causal D128 kernel" "unexplained 0; detected >= 90 %" test_figure hopper_mutants '^[0-9]*: mutants of '
claim "the same: D64 with a softcap, a table and a block mask" "unexplained 0; detected >= 90 %" test_figure hopper_mutants.block_mask_D64 '^[0-9]*: mutants of '
claim "the same: affine scores D64, three consumer warpgroups" "unexplained 0; detected >= 90 %" test_figure hopper_mutants.alibi_D64 '^[0-9]*: mutants of '
claim "the same: causal D256" "unexplained 0; detected >= 90 %" test_figure hopper_mutants.causal_D256 '^[0-9]*: mutants of '
claim "the same: lazy maximum D128" "unexplained 0; detected >= 90 %" test_figure hopper_mutants.lazy_D128 '^[0-9]*: mutants of '
claim "the same: keys in parts, softcap, table and block mask D64" "unexplained 0; detected >= 90 %" test_figure hopper_mutants.split_D64 '^[0-9]*: mutants of '
claim "the same: keys in parts, causal D256" "unexplained 0; detected >= 90 %" test_figure hopper_mutants.split_D256 '^[0-9]*: mutants of '
claim "tiles that every row keeps whole are not masked, on the host model: one interval and two, in one part and three, against the bands alone" "all, none else" test_figure hopper.mods_on_the_model 'full tiles: '
claim "keys in parts on the host model: every kind of mod equals float64 attention under every schedule; the same bits in every batch and with every block mask; spoilt parts are noticed" "0 reports; 9 of 9 noticed" test_figure hopper.mods_on_the_model 'spoilt parts|test cases'
claim "tensors that TMA cannot describe (D 1, 7, 33, 65, 100, 129, 255; odd lengths; odd bases), through the stand-in driver with the kernel on the host model: the bits of those that it can" "all" test_figure cuda.launch 'copied tensors|skipped'
claim "flexc run --device model in bf16 and f16 equals the oracle" "2 ulp of the largest value" test_figure hopper_device_model 'device model: '
claim "the comparison with the oracle sees a wrong reference" "all" test_figure hopper_device_model.negative 'device model: '
claim "emitted mods compiled for the host: gallery, operations and divisors agree with oracle and CPU, strict cone to the bit; goldens; no byte of hostile texts" "equal" tests '^hooks\.'
claim "2,000 random mods: emitted CUDA compiled for the host = oracle, on the programs and data on which random_mods.fast shows CPU = oracle" "0 differ; masks and the strict cone to the bit" test_figure random_mods.emitted 'emitted CUDA: '
claim "faults planted in the emitted code's functions are noticed by random mods" "all" test_figure random_mods.emitted.negative 'emitted CUDA: '
claim "NVRTC in a child that is killed, hangs, crashes or runs out of memory; cubins; tensor maps by every rule; the compile matrix" "an error in time; no spill, no stack" tests '^cuda\.(runtime|matrix|matrix\.negative)$'
claim "every gallery variant on the model in bf16 equals the oracle, with positions that follow each other and in steps" "all" test_figure hopper_device_model_gallery 'device model: '
claim "gallery x bf16, f16 x D 64, 128, 256: where machine code takes a later tile than the first, which the model runs otherwise, that one runs on the model too" "all" test_figure hopper_device_model_rungs 'later tile than|skipped'
claim "NVRTC matrix: the whole gallery x bf16, f16 x D 64, 128, 256; bf16 x D, DV of 96, 192, and 192 with 128" "no spill, no stack" test_figure cuda.matrix.all "kernels$|skipped"
# cold_compile: text to cubin in fresh processes with an empty cache, medians of five beside a trivial kernel's NVRTC time.
cold_compile() {  # [--gallery]
  if [ ! -f "$build/CTestTestfile.cmake" ]; then echo "nothing is built: run tools/test.sh first"; return 77; fi
  cmake --build "$build" --target flexc trivial_kernel >/dev/null || return 1
  python3 -B "$root/tests/cuda/cold_compile.py" "$build/bin/flexc" "$build/bin/trivial_kernel" "$@"
}
claim "text to cubin, the paper's seven at D 64 and 128, fresh processes" "<= 500 ms, or 10 x a trivial kernel's NVRTC time in the same run" cold_compile
claim "text to cubin, every gallery entry at D 64 and 128, fresh processes" "<= 1 s" cold_compile --gallery --rounds 3
claim "the conformance list on the model in bf16 by both rules of the field: every sixth variant, edges by turns" "0 failures" test_figure conformance.model 'conformance pairs: '
claim "the same with the lazy maximum" "0 failures" test_figure conformance.model.lazy 'conformance pairs: '
claim "the same: every variant, three runs each, bf16 and f16" "0 failures" test_figure conformance.model.nightly 'conformance pairs: '
claim "the launch against a stand-in driver: call order, contexts, memory, maps, parameters; an error at each call is clean; with the kernel on the host model the bits are the model's" "0 leaks, 0 violations" tests '^cuda\.(launch|command_line)$'
claim "--device cuda against the stand-in driver, kernels on the host model: the model's bits; NaN stands in the rows that keep it alone; without the careful path that is seen" "0 differ" test_figure cuda.not_finite "NaN stands|skipped"
claim "the careful path on the model and through the stand-in driver, D 64 to 256, NaN and inf in removed and kept places, the lazy maximum's overflow; the plain kernel by itself: positions in steps, f32, D 320, DV 512, sm_80, strides" "0 differ" tests '^cuda\.simt$'
claim "positions in steps: the Hopper kernel through the stand-in driver and on the model, bands, masks of pairs, block masks, parts, wide members, the careful path; bounds of bands anywhere in 64 bits" "0 differ" tests '^(cuda\.steps|hopper\.stepped)$'
claim "the plain kernel on the model: every kind of mod, schedules, marked items; each barrier that is left out is noticed" "100 %" tests '^simt\.'
claim "the conformance list through the plain kernel on the model, in f32 by the f32 bound" "0 failures" test_figure conformance.model.simt 'conformance pairs: '
claim "the plain kernel through NVRTC for sm_80, f32, bf16 and f16: no spill, no stack" "0 spilled" tests '^cuda\.matrix\.simt$'
claim "values of the launch level by the interpreted program = by the compiled mods: gallery, every operation, random expressions" "0 differ" tests '^hooks\.(launch_values|emitted_mods)$'
claim "GPU kit, rehearsed without a GPU: packed, unpacked under env -i with LLVM hidden; CPU kernels of every bundle; every CUDA text through NVRTC to the same cubin; cases, masks, odd shapes, repeats, benchmarks, peers on stand-ins; killed and resumed; report and plots from made-up times; wrong things noticed" "<= 48 MiB; each step once" test_figure cuda.gpu_kit "rehearsal: |skipped"
claim "the kit's state, session, figures, plots: half a line never counts, damage is an error, a figure that was not measured is never guessed" "all" tests '^cuda\.gpu_session$'
claim "the whole kit: the gallery at D 64, 128, 256, forms for sweeps, FlashAttention-3's wheel where \$FLEXC_KIT_WHEEL names it; CPU kernels of every bundle, every CUDA text to the same cubin" "<= 48 MiB; all" test_figure cuda.gpu_kit.whole "rehearsal: |skipped"
unproven "forward bf16 D 64/128/256, 512 to 16k, against the better of FlashAttention-3 and cuDNN" ">= 1.0x" "$why"
unproven "each variant, against min(own noop or causal at equal kept area, the bound of its SASS)" ">= 0.9x" "$why"
unproven "each variant, against PyTorch FlexAttention (Triton; FLASH)" ">= 1.6x; >= 1.2x" "$why"
unproven "GPU decode, share of measured memory bandwidth" ">= 90 %" "$why"
