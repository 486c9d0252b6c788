# Claims about the CPU back end. It does not exist yet.
why="the CPU back end does not exist yet"
unproven "CPU f32 4096², share of measured FMA peak over kept pairs: dense" ">= 85 %" "$why"
unproven "CPU f32 4096², causal; window and prefix; alibi" ">= 83 %; 81 %; 80 %" "$why"
unproven "CPU f32 4096², softcap D64 and D128; document" ">= 75 % and 80 %; 73 %" "$why"
unproven "CPU f32 512², many heads, dense; causal" ">= 80 %; 75 %" "$why"
unproven "CPU bf16 without a bf16 unit; with one" ">= 1.0x own f32; >= 60 % of the bf16 dot peak" "$why"
unproven "CPU decode, KV 64k, share of read bandwidth: MHA f32, MHA bf16, GQA 4:1 f32" ">= 95 %, 80 %, 65 %" "$why"
unproven "CPU results equal the oracle's on every conformance variant" "the bounds of ANCHORS" "$why"
