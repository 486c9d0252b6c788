# Causal on a paged cache: which logical page of sequence b each physical page holds, or -1.
# example: flexc run paged --random 2,4,2,64,256,64,64
const PAGE = 16
tensor logical_page: i32[B, pages]

def causal(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx

def paged(inner):
    def keep(b, h, q_idx, kv_idx):
        page = logical_page[b, kv_idx // PAGE]
        return (page >= 0) & inner(b, h, q_idx, page * PAGE + kv_idx % PAGE)

    return keep

mask_mod = paged(causal)
