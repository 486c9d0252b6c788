"""Where a tensor's elements lie. A placed tensor is (bytes, offset, strides, sparse): what the driver makes a view of.

What a view does not contain holds NaN, or the largest integer: touching it shows.
"""
import numpy as np

LAYOUTS = ("plain", "transposed", "offset", "padded", "overlapping", "far")
BEYOND = 2**31  # elements


def filler(array):
    if array.dtype.kind == "f":
        return np.nan
    if array.dtype == np.uint16:
        return 0x7FC0  # NaN in bf16
    return True if array.dtype == bool else np.iinfo(array.dtype).max


def element_strides(view):
    return [s // view.itemsize for s in view.strides]


def plain(array):
    strides = [int(np.prod(array.shape[axis + 1:])) for axis in range(array.ndim)]  # NumPy's own are 0 where nothing is stored
    return np.ascontiguousarray(array).tobytes(), 0, strides, False


def inside(buffer, view):
    """A view of `buffer` as a placed tensor."""
    offset = (view.__array_interface__["data"][0] - buffer.__array_interface__["data"][0]) // view.itemsize if view.size else 0
    return buffer.tobytes(), offset, element_strides(view), False


def transposed(array):
    """[B, L, H, D] in memory; other ranks with their axes reversed."""
    order = (0, 2, 1, 3) if array.ndim == 4 else tuple(range(array.ndim))[::-1]
    inverse = np.argsort(order)
    buffer = np.ascontiguousarray(array.transpose(order))
    return inside(buffer, buffer.transpose(inverse))


def offset(array):
    """Three elements into its memory, so that no row is aligned, and not up to its end."""
    buffer = np.full(array.size + 8, filler(array), array.dtype)
    view = buffer[3:3 + array.size].reshape(array.shape)
    view[...] = array
    return inside(buffer, view)


def padded(array):
    """Five elements between rows, a row between heads."""
    if array.ndim < 2:
        return offset(array)
    shape = list(array.shape)
    shape[-1] += 5
    shape[-2] += 1
    buffer = np.full(shape, filler(array), array.dtype)
    view = buffer[..., :array.shape[-2], :array.shape[-1]]
    view[...] = array
    return inside(buffer, view)


def far(array):
    """Rows so far apart that the last one begins beyond 2^31 elements; heads and batches lie close together within a row."""
    batch, heads, rows, width = array.shape
    step = (width + 63) // 64 * 64
    row = max(BEYOND // (rows - 1) + 64, batch * heads * step)
    return np.ascontiguousarray(array).tobytes(), 0, [heads * step, step, row, 1], True


def overlapping_values(shape, rng):
    """k or v whose rows overlap by half, and the line that they lie on."""
    batch, heads, rows, width = shape
    step = max(1, width // 2)
    line = rng.standard_normal((batch, heads, max(0, rows - 1) * step + width)).astype(np.float32)
    return line, step


def overlap(line, shape, step):
    s = line.strides
    return np.lib.stride_tricks.as_strided(line, shape, (s[0], s[1], step * s[2], s[2]), writeable=False)


def place(array, layout):
    return {"plain": plain, "transposed": transposed, "offset": offset, "padded": padded, "far": far}[layout](array)
