# Learned bias for each head and each distance, clipped at `REACH` on either side.
# example: flexc run relative_bias --random 1,4,4,256,256,64,64
const REACH = 64
const SPAN = 2 * REACH + 1
tensor bias: f32[H, SPAN]

def score_mod(score, b, h, q_idx, kv_idx):
    return score + bias[h, (kv_idx - q_idx).clamp(-REACH, REACH) + REACH]
