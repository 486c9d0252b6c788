# The column's document is read from a table that kv_side fills once for many rows.
# RUN: "%emit_stage" opt "%s" | FileCheck "%s" --check-prefix=OPT
# RUN: "%emit_stage" asm "%s" v4 | FileCheck "%s" --check-prefix=V4
# OPT: flex.gather @c0[%{{.*}} : i32] {flex.level = "kv_side", flex.slot = 0 : i64} : i32
# V4-LABEL: flexc_mask_row:
# V4-NOT: gather
# V4-LABEL: flexc_kv_side:
# V4: gather
tensor document: i32[KV]

def mask_mod(b, h, q_idx, kv_idx):
    return document[q_idx] == document[kv_idx]
