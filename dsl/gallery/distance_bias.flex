# Points in space: a penalty proportional to the Euclidean distance between the tokens' coordinates.
# example: flexc run distance_bias --random 1,4,4,256,256,64,64 --param strength=0.5
tensor position: f32[KV, 3]
param strength: f32 = 1.0

def score_mod(score, b, h, q_idx, kv_idx):
    away = position[q_idx] - position[kv_idx]
    return score - strength * away.pow(2).sum(-1).sqrt()
