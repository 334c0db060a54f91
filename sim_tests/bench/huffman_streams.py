"""Streams of Huffman codes that tests decode."""

import numpy as np

from golden.compression.huffman import code_lengths, encode

__all__ = ["FIBONACCI", "coded", "drawn"]

#: Counts of which Huffman's own code has lengths 1, 2, 3 ...
FIBONACCI = [1, 1]
while len(FIBONACCI) < 40:
    FIBONACCI.append(FIBONACCI[-1] + FIBONACCI[-2])


def drawn(seed, symbols, spread, count):
    """Symbols as Deep Compression's: indices of a few clusters of weights, or runs."""
    rng = np.random.default_rng(seed)
    real = (rng.normal(symbols / 2, spread, count) if spread else
            rng.geometric(0.2, count) - 1)
    return np.clip(np.round(real), 0, symbols - 1).astype(np.uint8)


def coded(symbols, size=256, max_length=15):
    """Stream of symbols in the code that is best for them, and its lengths."""
    lengths = code_lengths(np.bincount(symbols, minlength=size), max_length)
    return encode(symbols, lengths), lengths
