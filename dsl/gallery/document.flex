# Packed documents: a token attends only to tokens of its own document.
# example: flexc run document --random 1,2,2,1024,1024,64,64
tensor doc: i32[KV]

def mask_mod(b, h, q_idx, kv_idx):
    return doc[q_idx] == doc[kv_idx]
