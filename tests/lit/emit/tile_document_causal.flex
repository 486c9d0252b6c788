# The tile program of documents with offsets: inside one document both positions are reckoned from the row's start.
# RUN: "%emit_stage" tile "%s" | FileCheck "%s"
# CHECK: tile program
# CHECK: [[Q:v[0-9]+]]: i64 = q_idx
# CHECK: [[K:v[0-9]+]]: i64 = kv_idx
# CHECK: [[DQ:v[0-9]+]]: i64 = gather c0{{\[}}[[Q]]]
# CHECK: [[DK:v[0-9]+]]: i64 = gather c0{{\[}}[[K]]]
# CHECK: [[SAME:v[0-9]+]]: bool = eq [[DQ]], [[DK]]
# CHECK: [[START:v[0-9]+]]: i64 = gather c1{{\[}}[[DQ]]]
# CHECK: [[A:v[0-9]+]]: i64 = sub [[Q]], [[START]]
# CHECK: [[B:v[0-9]+]]: i64 = sub [[K]], [[START]]
# CHECK: [[ORDER:v[0-9]+]]: bool = ge [[A]], [[B]]
# CHECK: [[RESULT:v[0-9]+]]: bool = and [[SAME]], [[ORDER]]
# CHECK: return [[RESULT]]
tensor doc: i32[KV]
tensor starts: i32[N]

def mask_mod(b, h, q_idx, kv_idx):
    q_doc, kv_doc = doc[q_idx], doc[kv_idx]
    return (q_doc == kv_doc) & (q_idx - starts[q_doc] >= kv_idx - starts[kv_doc])
