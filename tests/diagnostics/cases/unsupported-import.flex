import numpy as np
from torch import log as ln, tanh
from math import pi

def score_mod(score, b, h, q_idx, kv_idx):
    return tanh(np.exp(score)) + ln(score) * pi
