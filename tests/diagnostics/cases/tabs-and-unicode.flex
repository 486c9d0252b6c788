def score_mod(score, b, h, q_idx, kv_idx):
	x	=	undefined_one
	y = "日本語é" + undefined_two
	return score
