# The importer's text through flexc-opt is what the compiler itself gets; affine scores are three numbers a row.
# RUN: "%emit_stage" opt "%s" > "%t.opt" && "%emit_stage" ir "%s" | flexc-opt --flexc-pipeline | diff - "%t.opt"
# RUN: FileCheck "%s" --check-prefix=OPT < "%t.opt"
# RUN: "%emit_stage" asm "%s" v3 | FileCheck "%s" --check-prefix=ASM
# OPT: flex.score_class = "affine"
# ASM-LABEL: flexc_affine_row:
# ASM-NOT: call
# ASM: ret
# ASM: flexc_row_module:
tensor slopes: f32[H]

def score_mod(score, b, h, q_idx, kv_idx):
    return score + slopes[h] * (kv_idx - q_idx)
