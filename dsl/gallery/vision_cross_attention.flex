# Interleaved images and text (Flamingo): the text between one image and the next sees that image only.
# example: flexc run vision_cross_attention --random 1,4,4,256,108,64,64
tensor spans: i32[images, 2]
tensor image_of: i32[KV]

def mask_mod(b, h, q_idx, kv_idx):
    text = spans[image_of[kv_idx]]
    return (q_idx >= text[0]) & (q_idx < text[1])
