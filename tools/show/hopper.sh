# Claims about the Hopper kernel. It does not exist yet, and nothing has been run on a GPU.
why="the Hopper kernel does not exist yet; not yet run on a GPU"
unproven "static gates on every cubin: no spills, no local memory, no C75xx, overlap" "0 violations; overlap >= 90 %" "$why"
unproven "issue slots a score element: D64 192x128; 128x128; 128x176; D256 128x64" "<= 6.4; 6.5; 6.1; 9.0" "$why"
unproven "host model: no race, deadlock or poison; mutations detected" "20 seeds a kernel; every survivor explained" "$why"
unproven "forward bf16 D 64/128/256, 512 to 16k, against the better of FlashAttention-3 and cuDNN" ">= 1.0x" "$why"
unproven "each variant, against min(own noop or causal at equal kept area, the bound of its SASS)" ">= 0.9x" "$why"
unproven "each variant, against PyTorch FlexAttention (Triton; FLASH)" ">= 1.6x; >= 1.2x" "$why"
unproven "GPU decode, share of measured memory bandwidth" ">= 90 %" "$why"
