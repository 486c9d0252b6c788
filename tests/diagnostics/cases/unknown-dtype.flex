tensor a: f99[H]
tensor c: float32[H]
tensor d: torch.bf16[H]
param w: u8 = 3
def score_mod(score, b, h, q_idx, kv_idx):
    return score
