import contextlib

from . import flex_attention

chosen = []


class SDPBackend:
    CUDNN_ATTENTION = "cudnn"


@contextlib.contextmanager
def sdpa_kernel(backend):
    chosen.append(backend)
    yield
    chosen.pop()
