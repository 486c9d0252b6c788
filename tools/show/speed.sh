# Claims about speed beside other systems. None has been measured beside flexc yet; tools/show/cpu.sh has the kernel alone.
why="no side-by-side run yet, and no GPU kernel; flexc bench measures flexc alone"
unproven "CPU, the paper's seven variants against compiled PyTorch FlexAttention" ">= 2x or the peak share, geometric mean >= 2.5x" "$why"
unproven "CPU noop and causal against PyTorch SDPA" ">= 1.1x; >= 1.5x" "$why"
claim "CPU cold compile, text to running code, the paper's seven" "<= 100 ms each" compile_seconds 0.1 noop causal alibi sliding_window prefix_lm softcap document
unproven "cold compile, text to cubin" "<= 0.5 s or 10x a trivial kernel" "$why"
