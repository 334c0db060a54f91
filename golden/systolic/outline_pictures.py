"""Convolution and pooling for `.outline`: pictures below each other, multiplied as one.

A tile that has come from a slow weight memory should be multiplied by as many rows as there are.
The pictures of a batch are therefore stored as one tall picture, with lines of zeros between
them that serve the lower one as padding and the upper one too. A Convolve goes over as much of it
as the accumulators take; the lines of outputs that lie between pictures are left in there.
"""

from typing import NamedTuple

from ..formats import Operation, Register
from .outline import even_cuts

__all__ = ["Pictures", "convolve", "largest", "pictures"]


class Pictures(NamedTuple):
    """Pictures of one size, one below the other.

    Parameters
    ----------
    address : int
    count, height, width, channels : int
    pitch : int
        Lines from one picture to the next.
    """

    address: int
    count: int
    height: int
    width: int
    channels: int
    pitch: int

    @property
    def line(self):
        """Elements of a line."""
        return self.width * self.channels

    @property
    def lines(self):
        """Lines of all, those between them included."""
        return (self.count - 1) * self.pitch + self.height

    def some(self, first, count):
        """Some of them, in the same place."""
        return self._replace(address=self.address + first * self.pitch * self.line, count=count)


def pictures(outline, count, height, width, channels, *, gap=1):
    """Find a place for pictures with at least `gap` lines between them.

    Between two pictures there is an even number of lines from start to start, for strides of 2; but
    for a gap of 0, where they lie close together.
    """
    pitch = height + gap
    pitch += pitch % 2 if gap else 0
    return Pictures(outline.take(count * pitch * width * channels), count, height, width, channels,
                    pitch)


def convolve(outline, name, source, outputs, *, kernel=1, stride=1, same=True, pool=None,
             into=None, channel=0, weights=None):
    """Convolve pictures by a square kernel, and take the largest of square windows at once.

    Parameters
    ----------
    outline : Outline
    name : str
    source : Pictures
    outputs : int
        Channels.
    kernel, stride : int
    same : bool
        Whether there is padding: outputs for every `stride`-th pixel. Else the kernel lies within
        the picture.
    pool : tuple of (int, int), optional
        Size and stride of the windows, which lie within the outputs; a layer more.
    into : Pictures, optional
        Where the outputs go; by default to a place of their own.
    channel : int
        Of `into`, where the first output goes.
    weights : int, optional
        How many there are, if some are zero by construction.

    Returns
    -------
    Pictures
    """
    g = outline.geometry
    (height, above), (width, left) = (_extent(length, kernel, stride, same)
                                      for length in (source.height, source.width))
    below = (height - 1) * stride + kernel - above - source.height
    if source.count > 1 and max(above, below) > source.pitch - source.height:
        raise ValueError(f"Layer {name!r} needs a gap of {max(above, below)} between pictures, not "
                         f"{source.pitch - source.height}")
    run = kernel * source.channels
    tiles = kernel * -(-run // g.rows)
    weights = weights or run * kernel * outputs
    address, channels = outline.layer("conv", name, weights, outputs, tiles)
    outline.macs += source.count * height * width * weights
    if pool:
        outline.layers[f"{name}.pool"] = "pool"
    products = [(block, min(g.columns, outputs - block), 0, address + block // g.columns * tiles
                 * g.rows) for block in range(0, outputs, g.columns)]
    return _windows(outline, source, outputs, products, tiles, channels,
                    size=(height, width), offset=(-above, -left), stride=stride, run=run,
                    pool=pool, into=into, channel=channel)


def largest(outline, name, source, *, size, stride=1, same=False, into=None, channel=0):
    """Take the largest of square windows of pictures, which go through the accumulators for it.

    They are multiplied by one tile that has ones in its diagonal, a block of channels at a time.
    That counts neither as weights nor as multiplications. Padding counts as 0.

    Returns
    -------
    Pictures
    """
    g, channels = outline.geometry, source.channels
    border = size // 2 if same else 0
    block = min(g.rows, g.columns)
    ones, parameters = outline.layer("pool", name, 0, channels, 1)
    products = [(first, min(block, channels - first), first, ones)
                for first in range(0, channels, block)]
    return _windows(outline, source, channels, products, 1, parameters,
                    size=(source.height + 2 * border, source.width + 2 * border),
                    offset=(-border, -border), stride=1, run=min(block, channels),
                    pool=(size, stride), into=into, channel=channel)


def _extent(length, kernel, stride, same):
    """Outputs along a length, and how far in front of it the first window begins."""
    if not same:
        return (length - kernel) // stride + 1, 0
    outputs = -(-length // stride)
    return outputs, max((outputs - 1) * stride + kernel - length, 0) // 2


def _windows(outline, source, outputs, products, tiles, parameters, *, size, offset, stride, run,
             pool, into, channel):
    """Products over all pictures, lot by lot; each as (output, columns, input channel, row)."""
    height, width = size
    window, step = pool or (1, 1)
    results = _extent(height, window, step, False)[0], _extent(width, window, step, False)[0]
    if into is None:
        into = pictures(outline, source.count, *results, outputs)
    if source.pitch % stride:
        raise ValueError(f"Pictures {source.pitch} lines apart do not go with a stride of {stride}")
    registers = {
        Register.SOURCE: {"line_length": source.line, "line_stride": source.line,
                          "lines": source.lines, "taps": 1},
        Register.WINDOW: {"pixels": width, "x_step": stride * source.channels, "y_step": stride,
                          "dilation": 1, "run": run}}
    fields = pool and {"line_pixels": width, "pixels": results[1], "height": window,
                       "width": window, "y_step": step, "x_step": step}
    lots = list(_lots(source.count, source.pitch // stride, height, results[0], window, step,
                      outline.geometry.accumulator_depth // 2 // width))
    for first, lines, parts in lots:
        for output, columns, input_channel, row in products:
            accumulator = outline.accumulators(lines * width)
            outline.multiply(Operation.CONVOLVE, (row, tiles), {
                "lines": lines, "source": source.address, "accumulator": accumulator,
                "y": first * stride + offset[0],
                "x": offset[1] * source.channels + input_channel,
                "last_column": columns - 1}, registers)
            for picture, line, some, place in parts:
                outline.activate(
                    some * (1 if pool else width), accumulator + place * width, columns - 1,
                    parameters + output, into.channels, into.address + channel + output
                    + (picture * into.pitch + line) * into.line, pool=fields)
    return into


def _lots(count, pitch, height, results, window, step, most):
    """Lines of outputs of all pictures, as many at a time as go into the accumulators.

    Yields
    ------
    first, lines : int
    parts : list of tuple of int
        Picture, its first line of results and their number, and the line of the lot where they
        begin.
    """
    if window == 1:
        for first, lines in even_cuts((count - 1) * pitch + height, most):
            parts = [(number, max(0, first - number * pitch),
                      min(height, first + lines - number * pitch)) for number in range(count)]
            yield first, lines, [(number, start, end - start, number * pitch + start - first)
                                 for number, start, end in parts if end > start]
        return
    together = (most - height) // pitch + 1
    if together > 0:
        for number, some in even_cuts(count, together):
            yield number * pitch, (some - 1) * pitch + height, [
                (number + other, 0, results, other * pitch) for other in range(some)]
        return
    for number in range(count):
        for line, some in even_cuts(results, (most - window) // step + 1):
            yield (number * pitch + line * step, (some - 1) * step + window,
                   [(number, line, some, 0)])
