tensor lengths: i32[N]

def mask_mod(b, h, q_idx, kv_idx):
    doc = torch.repeat_interleave(lengths)
    return doc[q_idx] == doc[kv_idx]
