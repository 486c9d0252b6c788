# StreamingLLM: the first few tokens stay visible beside a causal sliding window.
# example: flexc run attention_sinks --random 1,4,4,512,512,64,64 --param window=64
param sinks: i32 = 4
param window: i32 = 1024

def causal(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx

def sink(b, h, q_idx, kv_idx):
    return kv_idx < sinks

def recent(b, h, q_idx, kv_idx):
    return q_idx - kv_idx <= window

mask_mod = and_masks(causal, or_masks(sink, recent))
