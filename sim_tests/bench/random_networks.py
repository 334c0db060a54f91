"""Random compressed networks that try everything a core has to cope with."""

import numpy as np

from golden.network import SparseLayer, SparseNetwork

__all__ = ["random_inputs", "random_network"]


def random_network(rng, config, *, wide=False):
    """A network that fits the core, of layers that may be full of holes.

    Parameters
    ----------
    rng : numpy.random.Generator
    config : hw.config.SparseConfig
    wide : bool
        Weights of full width, so that sums saturate; else small ones.

    Returns
    -------
    (SparseNetwork, tuple of int)
        The network, and column groups for each layer.
    """
    top = min(config.activation_depth, 200)
    count = int(rng.integers(1, min(4, config.layer_count, config.codebook_count) + 1))
    groups = tuple(1 << int(rng.integers(config.groups.bit_length())) for _ in range(count))
    sizes = [int(rng.choice([1, top, rng.integers(1, top + 1)]))]
    for number in range(count):
        rows = config.accumulator_depth * config.pes // groups[number]
        # Entries of a layer are bounded by its weights, whatever the format.
        limit = min(top, rows, max(1, config.entry_words * config.word_entries * config.pes
                                   // (4 * count * sizes[-1])))
        sizes.append(int(rng.choice([1, limit, rng.integers(1, limit + 1)])))
    layers = tuple(
        _random_layer(rng, config, f"layer{number}", rows, columns, wide,
                      relu=number < count - 1)
        for number, (columns, rows) in enumerate(zip(sizes, sizes[1:], strict=False)))
    return SparseNetwork(layers), groups


def _random_layer(rng, config, name, rows, columns, wide, *, relu):
    colours = 1 << config.index_width
    used = rng.random((rows, columns)) < rng.choice([0, .02, .1, .3, 1], p=[.05, .3, .3, .3, .05])
    used &= (rng.random((rows, 1)) < rng.choice([.5, 1])) & (
        rng.random((1, columns)) < rng.choice([.5, 1]))
    half = 1 << config.weight_width - 1
    limit = half if wide else min(half, 200)
    codebook = np.concatenate([[0], rng.integers(-limit, limit, colours - 1)]).astype(np.int16)
    low, high = (-1 << config.activation_width - 1), (1 << config.activation_width - 1) - 1
    return SparseLayer(
        name=name, codes=(used * rng.integers(1, colours, (rows, columns))).astype(np.uint8),
        codebook=codebook,
        bias=rng.integers(-100_000, 100_000, rows).astype(np.int32),
        multiplier=int(rng.choice([1 << 31, rng.integers(1 << 30, 1 << 31), 0],
                                  p=[.3, .6, .1])),
        left_shift=int(rng.choice([0, 3, 31], p=[.7, .2, .1])),
        right_shift=int(rng.choice([0, 6, 13, 31])),
        low=0 if relu else low, high=int(rng.choice([high, high // 3])))


def random_inputs(rng, config, columns, count):
    """Input vectors, shape (count, columns): the first all zero, the others more or less full."""
    half = 1 << config.activation_width - 1
    inputs = rng.integers(-half, half, (count, columns))
    inputs *= rng.random((count, columns)) < np.linspace(0, 1, count)[:, None]
    return inputs.astype(np.int16)
