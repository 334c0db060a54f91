"""Outlines of networks: the programs are those of the compiler, and compute what they should."""

import numpy as np
import pytest

from golden.formats import DenseCounter, Operation
from golden.systolic.compile import compile_network
from golden.systolic.cycles import dense_cycles
from golden.systolic.execute import execute
from golden.systolic.geometry import DenseGeometry
from golden.systolic.layers import Add, Ending, FullyConnected
from golden.systolic.memories import DenseMemories
from golden.systolic.network import DenseNetwork
from golden.systolic.outline import Outline, Rows, even_cuts
from golden.systolic.outline_pictures import convolve, largest, pictures
from golden.systolic.tiles import conv_tiles

SMALL = DenseGeometry(rows=4, columns=4, lanes=2, accumulator_depth=128, weight_depth=4096,
                      unified_depth=1 << 14, program_depth=4096)


def test_even_cuts():
    assert even_cuts(10, 10) == [(0, 10)]
    assert even_cuts(11, 5) == [(0, 4), (4, 4), (8, 3)]
    assert sum(size for _, size in even_cuts(1000, 7)) == 1000


@pytest.mark.parametrize("batch, sizes", [(5, (9, 6, 4)), (64, (4, 7)), (1, (13, 13, 13, 2))])
def test_a_chain_is_the_program_of_the_compiler(batch, sizes):
    """Word by word, where no block is cut to overlap with the next."""
    rng = np.random.default_rng(batch)
    layers = tuple(
        FullyConnected(name=str(number), inputs=(str(number - 1) if number else "x",),
                       weights=rng.integers(-9, 9, (after, before)), ending=Ending(right_shift=9),
                       bias=rng.integers(-99, 99, after))
        for number, (before, after) in enumerate(zip(sizes, sizes[1:], strict=False)))
    network = DenseNetwork(inputs={"x": sizes[:1]}, layers=layers)
    compiled = compile_network(network, SMALL, batch=batch, least_rows=1 << 16)
    outline = Outline(SMALL)
    tensor = outline.rows(batch, sizes[0])
    for number, size in enumerate(sizes[1:]):
        source, tensor = tensor, outline.fully_connected(str(number), [tensor], size)
        outline.free(source)
    np.testing.assert_array_equal(outline.program(), compiled.memories.program)
    assert outline.macs == network.macs * batch
    assert outline.weight_count == sum(layer.weights.size for layer in layers)


class Run:
    """Fills the memories that an outline asks for, and executes its program."""

    def __init__(self, outline, seed=0):
        self.outline, self.rng = outline, np.random.default_rng(seed)
        self.memories = DenseMemories(outline.geometry, program=outline.program())

    def weights(self, name, *shape):
        """Random weights (lines, taps, run, outputs), where the outline has them."""
        values = self.rng.integers(-3, 4, shape)
        tiles = conv_tiles(values, self.outline.geometry).reshape(-1, self.outline.geometry.columns)
        row, count = self.outline.weights[name]
        assert count == values.size
        self.memories.weights[row:row + len(tiles)] = tiles
        return values

    def put(self, tensor, values):
        self.memories.unified[tensor.address:tensor.address + values.size] = values.reshape(-1)

    def execute(self, *tensors):
        unified = execute(self.memories).unified
        return [unified[tensor.address:tensor.address + size] for tensor, size in tensors]


def stacked(values, tall):
    """Pictures as an outline stores them, zeros between them."""
    padded = np.zeros((tall.count, tall.pitch, tall.width, tall.channels), np.int64)
    padded[:, :tall.height] = values
    return padded


def plain(values, weights, stride, same):
    """Convolution as its definition says, saturated to 8 bits."""
    kernel = len(weights)
    if same:
        totals = [max((-(-size // stride) - 1) * stride + kernel - size, 0)
                  for size in values.shape[1:3]]
        values = np.pad(values, [(0, 0), *((total // 2, total - total // 2) for total in totals),
                                 (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(values, (kernel, kernel), axis=(1, 2))
    sums = np.einsum("nyxcij,ijco->nyxo", windows[:, ::stride, ::stride], weights)
    return np.clip(sums, -128, 127)


def greatest(values, size, stride):
    windows = np.lib.stride_tricks.sliding_window_view(values, (size, size), axis=(1, 2))
    return windows[:, ::stride, ::stride].max(axis=(4, 5))


@pytest.mark.parametrize("count, height, width, channels, outputs, kernel, stride, same, pool", [
    (3, 5, 4, 3, 6, 3, 1, True, None),      # pictures share a lot, and are cut
    (4, 4, 4, 5, 3, 1, 1, True, None),
    (2, 9, 6, 2, 5, 3, 2, True, None),
    (2, 9, 7, 2, 9, 3, 2, False, None),
    (2, 7, 5, 1, 4, 5, 1, True, None),      # two lines between them
    (5, 6, 6, 3, 6, 3, 1, True, (2, 2)),    # one picture a lot, pooled
    (2, 13, 11, 2, 4, 3, 1, True, (3, 2)),  # less than one
    (7, 3, 3, 2, 5, 3, 1, True, (3, 1)),    # several
])
def test_convolutions_of_tall_pictures(count, height, width, channels, outputs, kernel, stride,
                                       same, pool):
    outline = Outline(SMALL)
    source = pictures(outline, count, height, width, channels, gap=kernel // 2)
    target = convolve(outline, "c", source, outputs, kernel=kernel, stride=stride, same=same,
                      pool=pool)
    run = Run(outline, seed=height)
    weights = run.weights("c", kernel, 1, kernel * channels, outputs)
    values = run.rng.integers(-9, 10, (count, height, width, channels))
    run.put(source, stacked(values, source))
    wanted = plain(values, weights.reshape(kernel, kernel, channels, outputs), stride, same)
    macs = outline.macs
    assert macs == wanted[..., 0].size * weights.size
    if pool:
        wanted = greatest(wanted, *pool)
    assert wanted.shape == (count, target.height, target.width, target.channels)
    # The lines between them are left as zeros.
    found, = run.execute((target, count * target.pitch * target.line))
    np.testing.assert_array_equal(found.reshape(-1, target.line),
                                  stacked(wanted, target).reshape(-1, target.line))


@pytest.mark.parametrize("count, size, stride, same", [
    (3, 3, 1, True), (2, 3, 2, False), (3, 5, 1, False)])
def test_pooling_and_concatenation(count, size, stride, same):
    """A pooled copy beside a convolution in the same pictures, as in a module of Inception."""
    outline = Outline(SMALL)
    source = pictures(outline, count, 5, 5, 6)
    side = 5 if same else (5 - size) // stride + 1
    into = pictures(outline, count, side, side, 9, gap=0 if side == 1 else 1)
    largest(outline, "p", source, size=size, stride=stride, same=same, into=into, channel=3)
    assert outline.macs == outline.weight_count == 0
    convolve(outline, "c", source, 3, kernel=1 if same else size, stride=stride, same=False,
             into=into)
    run = Run(outline)
    run.memories.weights[outline.weights["p"][0]:][:4] = np.eye(4, dtype=np.int64)
    kernel = 1 if same else size
    weights = run.weights("c", kernel, 1, kernel * 6, 3)
    values = run.rng.integers(0, 9, (count, 5, 5, 6))
    run.put(source, stacked(values, source))
    border = [(0, 0), *[(size // 2 * same,) * 2] * 2, (0, 0)]
    wanted = np.concatenate([
        plain(values, weights.reshape(kernel, kernel, 6, 3), stride, False),
        greatest(np.pad(values, border), size, stride)], axis=-1)
    found, = run.execute((into, count * into.pitch * into.line))
    np.testing.assert_array_equal(found.reshape(-1, into.line),
                                  stacked(wanted, into).reshape(-1, into.line))


def test_vectors_and_two_sources():
    """What a gate takes part by part is one sum; a vector instruction follows it."""
    outline = Outline(SMALL)
    x, h = outline.rows(3, 6), outline.rows(3, 5)
    gate = outline.fully_connected("g", [x, h], 5)
    total = outline.vector("s", Operation.VECTOR_ADD, gate, h)
    run = Run(outline)
    run.memories.operands[0] = np.arange(-128, 128)
    # A tile of 4 inputs is filled up behind each part.
    weights = run.rng.integers(-3, 4, (11, 5))
    tiles = np.concatenate([conv_tiles(part[None, None], SMALL)
                            for part in (weights[:6], weights[6:])], axis=1)
    row, count = outline.weights["g"]
    run.memories.weights[row:row + 32] = tiles.reshape(-1, 4)
    values = run.rng.integers(-9, 10, (3, 11))
    run.put(x, values[:, :6])
    run.put(h, values[:, 6:])
    wanted = np.clip(values @ weights, -128, 127)
    found, sums = run.execute((gate, 15), (total, 15))
    np.testing.assert_array_equal(found.reshape(3, 5), wanted)
    np.testing.assert_array_equal(sums.reshape(3, 5), np.clip(wanted + values[:, 6:], -128, 127))
    assert outline.kinds == {"FC": 1, "vector": 1} and count == 55 and outline.macs == 3 * 55
    layer = Add(name="s", inputs=("g", "h"), operands=np.stack([np.arange(-128, 128)] * 2),
                ending=Ending())
    np.testing.assert_array_equal(layer.compute(wanted, values[:, 6:], width=8)[0],
                                  sums.reshape(3, 5))


def test_a_layer_of_a_known_name_takes_the_same_weights():
    outline = Outline(SMALL)
    x = outline.rows(2, 4)
    outline.fully_connected("a", [x], 4)
    outline.fully_connected("a", [x], 4)
    assert outline.weight_count == 16 and outline.macs == 2 * 2 * 16
    counters = dense_cycles(outline.program(), SMALL)
    assert counters[DenseCounter.ACTIVE] == 2 * 2
    with pytest.raises(ValueError, match="Layer 'a' is a FC, no vector"):
        outline.vector("a", Operation.VECTOR_ADD, x)


def test_places_are_used_again_and_end_somewhere():
    outline = Outline(SMALL)
    first, second = outline.rows(2, 50), outline.rows(1, 7)
    outline.free(first)
    assert outline.rows(10, 10) == Rows(0, 10, 10)
    assert (second.address, outline.most_elements) == (100, 107)
    with pytest.raises(ValueError, match="would end at 16491 of 16384"):
        outline.rows(16, 1024)


def test_what_does_not_fit_is_said():
    outline = Outline(SMALL)
    tight = pictures(outline, 2, 4, 4, 1, gap=0)
    with pytest.raises(ValueError, match="Layer 'c' needs a gap of 1 between pictures, not 0"):
        convolve(outline, "c", tight, 2, kernel=3)
    odd = pictures(outline, 2, 5, 5, 1, gap=0)
    with pytest.raises(ValueError, match="5 lines apart do not go with a stride of 2"):
        convolve(outline, "d", odd, 2, stride=2)
    outline.fully_connected("e", [outline.rows(1, 2048)], 12)
    with pytest.raises(ValueError, match="needs weight_depth=6148, not 4096"):
        outline.program()
