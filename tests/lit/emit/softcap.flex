# A general score: the loop is in ymm registers (zmm on AVX-512) and calls nothing.
# RUN: "%emit_stage" asm "%s" v3 | FileCheck "%s" --check-prefix=V3
# RUN: "%emit_stage" asm "%s" v4 | FileCheck "%s" --check-prefix=V4
# V3-LABEL: flexc_score_row:
# V3-NOT: call
# V3: vfmadd{{.*}}ymm
# V3: vmovaps %ymm{{[0-9]+}}, (%rcx
# V3-NOT: call
# V3: ret
# V4-LABEL: flexc_score_row:
# V4-NOT: call
# V4: vfmadd{{.*}}zmm
# V4-NOT: call
# V4: ret
def score_mod(score, b, h, q_idx, kv_idx):
    return 20 * tanh(score / 20)
