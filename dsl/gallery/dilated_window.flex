# Every `dilation`-th token within `window` on either side.
# example: flexc run dilated_window --random 1,4,4,512,512,64,64 --param window=64
param window: i32 = 256
param dilation: i32 = 4

def mask_mod(b, h, q_idx, kv_idx):
    gap = torch.abs(q_idx - kv_idx)
    return (gap <= window) & (gap % dilation == 0)
