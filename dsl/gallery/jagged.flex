# Jagged batch laid end to end: sequences are told apart by their offsets alone, without an id a token.
# example: flexc run jagged --random 1,4,4,256,256,64,64
const BOUNDARIES = 5
tensor offsets: i32[BOUNDARIES]

def sequence_of(idx):
    passed = 0
    for i in range(BOUNDARIES):
        passed += idx >= offsets[i]
    return passed

def mask_mod(b, h, q_idx, kv_idx):
    return sequence_of(q_idx) == sequence_of(kv_idx)
