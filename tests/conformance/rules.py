"""When an output is right: in f32 an error bound, in 16 bits both rules of the field (docs/architecture.md, "Accuracy").

FlashAttention-3's: max |out - ref| <= 2 max |pt - ref| + atol (3 with a softcap), atol = 2 max |(ref + 0.3 - 0.3) - ref| in the tested type.
FlexAttention's: mean |out - ref| <= 1.1 mean |pt - ref|. `ref` is float64 on the same (rounded) inputs; `pt` the same maths rounded as an eager
computation in the tested type rounds. NaN and infinities must stand where the reference has them.
"""
import numpy as np

FACTOR, SOFTCAP_FACTOR, MEAN_FACTOR = 2.0, 3.0, 1.1


class Failure(Exception):
    pass


def rounded(x, dtype):
    """x rounded to the type, as f32 (f32 itself: once)."""
    x = np.asarray(x, np.float32)
    if dtype == "f32":
        return x
    if dtype == "f16":
        with np.errstate(over="ignore"):
            return x.astype(np.float16).astype(np.float32)
    bits = x.view(np.uint32)
    even = ((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)).view(np.float32)
    return np.where(np.isnan(x), np.float32(np.nan), even)


def stored(x, dtype):
    """The array whose bytes are x in the type."""
    if dtype == "bf16":
        return (np.ascontiguousarray(rounded(x, dtype)).view(np.uint32) >> np.uint32(16)).astype(np.uint16)
    return np.asarray(x).astype({"f32": np.float32, "f16": np.float16}[dtype])


def loaded(data, dtype):
    """Bytes of the type as f32."""
    if dtype == "bf16":
        return (np.frombuffer(data, np.uint16).astype(np.uint32) << np.uint32(16)).view(np.float32)
    return np.frombuffer(data, {"f32": np.float32, "f16": np.float16}[dtype]).astype(np.float32)


def check_special(name, got, ref):
    if got.shape != ref.shape:
        raise Failure(f"{name} has shape {got.shape}, expected {ref.shape}")
    for kind, test in (("NaN", np.isnan), ("+inf", np.isposinf), ("-inf", np.isneginf)):
        if (test(got) != test(ref)).any():
            at = tuple(int(i) for i in np.argwhere(test(got) != test(ref))[0])
            raise Failure(f"{name}{list(at)} is {got[at]!r}, expected {ref[at]!r} ({kind})")


def check_f32(name, got, ref, largest_score):
    """(2e-5 + 1e-4 |ref|) max(1, largest kept |s| / 64). Returns the share of the limit taken."""
    got = got.astype(np.float64)
    check_special(name, got, ref)
    finite = np.isfinite(ref)
    if not finite.any():
        return 0.0
    got, ref = got[finite], ref[finite]
    share = abs(got - ref) / ((2e-5 + 1e-4 * abs(ref)) * max(1.0, largest_score / 64))
    if share.max() > 1:
        at = int(share.argmax())
        raise Failure(f"{name}: {got[at]!r} instead of {ref[at]!r} is {share[at]:.3g} times the limit ({int((share > 1).sum())} of {share.size} elements are off)")
    return float(share.max())


def check_16_bits(name, got, ref, pt, dtype, softcap):
    """Both rules. Returns the larger of the two shares of a limit."""
    got, pt = got.astype(np.float64), pt.astype(np.float64)
    check_special(name, got, ref)
    finite = np.isfinite(ref) & np.isfinite(pt)
    if not finite.any():
        return 0.0
    got, ref, pt = got[finite], ref[finite], pt[finite]
    near = rounded(ref, dtype)
    atol = 2 * float(abs(rounded(rounded(near + np.float32(0.3), dtype) - np.float32(0.3), dtype) - near).max())
    error, eager = abs(got - ref), abs(pt - ref)
    limit = (SOFTCAP_FACTOR if softcap else FACTOR) * eager.max() + atol
    if error.max() > limit:
        raise Failure(f"{name}: largest error {error.max():.3g}, limit {limit:.3g} (pt's is {eager.max():.3g})")
    if error.mean() > MEAN_FACTOR * eager.mean():
        raise Failure(f"{name}: mean error {error.mean():.3g}, limit {MEAN_FACTOR * eager.mean():.3g}")
    return max(float(error.max() / limit) if limit else 0.0, float(error.mean() / (MEAN_FACTOR * eager.mean())) if eager.mean() else 0.0)
