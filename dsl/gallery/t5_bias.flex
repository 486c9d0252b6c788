# T5's relative bias: exact buckets for short distances, logarithmic ones further out, both directions.
# example: flexc run t5_bias --random 1,4,4,256,256,64,64
const BUCKETS = 32
const MAX_DISTANCE = 128
tensor bias: f32[BUCKETS, H]

def bucket_of(relative):
    side = BUCKETS // 2
    exact = side // 2
    distance = relative.abs()
    spread = torch.log(distance / exact) / math.log(MAX_DISTANCE / exact) * (side - exact)
    far = (exact + spread.to(torch.int64)).clamp(max=side - 1)
    return torch.where(relative > 0, side, 0) + torch.where(distance < exact, distance, far)

def score_mod(score, b, h, q_idx, kv_idx):
    return score + bias[bucket_of(kv_idx - q_idx), h]
