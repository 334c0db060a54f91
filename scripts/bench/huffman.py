"""How fast Huffman codes are written and read, on one core."""

import time
from dataclasses import dataclass

import numpy as np
from rich.table import Table

from golden.compression.huffman import code_lengths, decode, encode
from golden.models.squeezenet import has_squeezenet, load_squeezenet

from ..errors import Mismatch
from ..paths import data_dir
from ..records import record

__all__ = ["BENCH", "HuffmanBench", "Measured", "bench", "report"]

#: Name in the records.
BENCH = "huffman"
#: Symbols of each stream that is drawn, and how often each is written and read.
_COUNT, _REPEATS = 1 << 21, 3


@dataclass(frozen=True)
class Measured:
    """One kind of stream.

    Parameters
    ----------
    name : str
    symbols : int
        Bytes before they are coded.
    bits : float
        Mean of a code.
    encode_mb_s, decode_mb_s : float
        Million symbols per second of CPU time; the median of three.
    exact : bool
        Whether what was read is what was written.
    """

    name: str
    symbols: int
    bits: float
    encode_mb_s: float
    decode_mb_s: float
    exact: bool


@dataclass(frozen=True, eq=False)
class HuffmanBench:
    """What `bench` found.

    Parameters
    ----------
    measured : list of Measured
    records : list of dict
        See `scripts.records`.
    """

    measured: list[Measured]
    records: list[dict]


def bench(*, steps, count=_COUNT):
    """Write and read streams as Deep Compression makes them, and some that are hard to read.

    Parameters
    ----------
    steps : scripts.progress.Steps
    count : int
        Symbols of each stream that is drawn.

    Returns
    -------
    HuffmanBench
    """
    subjects = _subjects(count)
    measured = []
    with steps.step("Coding and decoding", total=len(subjects)) as advance:
        for name, (symbols, lengths) in subjects.items():
            measured.append(_measure(name, symbols, lengths))
            advance()
    return HuffmanBench(measured, [record(
        bench=BENCH, config=item.name, source="golden", bit_exact=item.exact,
        symbols=item.symbols, bits_huffman=item.bits, encode_mb_s=item.encode_mb_s,
        decode_mb_s=item.decode_mb_s) for item in measured])


def _subjects(count):
    """Symbols by the name of their kind, each with the lengths of their codes."""
    rng = np.random.default_rng(0)

    def normal(entries, spread):
        drawn = np.round(rng.normal(entries / 2, spread, count))
        return np.clip(drawn, 1, entries - 1).astype(np.uint8)

    streams = {
        "indices, 6 bits": normal(64, 6),
        "indices, 8 bits": normal(256, 40),
        "runs": np.minimum(rng.geometric(0.15, count) - 1, 32).astype(np.uint8),
        "uniform bytes": rng.integers(0, 256, count, np.uint8),
    }
    if has_squeezenet(data_dir()):
        layers = load_squeezenet(data_dir())
        whole = np.concatenate([layer.entries[0] for layer in layers])
        streams["SqueezeNet's indices"] = np.tile(whole, max(1, count // len(whole)))
    found = {name: (symbols, code_lengths(np.bincount(symbols, minlength=256)))
             for name, symbols in streams.items()}
    # A decoder that starts at a wrong bit does not get in step with codes of 3 and 6 bits, nor with
    # the longest of these codes.
    found["3 and 6 bits"] = (rng.integers(0, 15, count, np.uint8),
                             np.array([3] * 7 + [6] * 8, np.uint8))
    found["long codes"] = (np.full(count, 15, np.uint8),
                           np.array([*range(1, 15), 15, 15], np.uint8))
    now_and_then = np.where(rng.random(count) < 1e-3, rng.integers(0, 15, count), 15)
    found["long codes, others between"] = now_and_then.astype(np.uint8), found["long codes"][1]
    return found


def _measure(name, symbols, lengths):
    seconds = {encode: [], decode: []}
    for _ in range(_REPEATS):
        start = time.process_time()
        stream = encode(symbols, lengths)
        middle = time.process_time()
        read = decode(stream, lengths, len(symbols))
        seconds[encode].append(middle - start)
        seconds[decode].append(time.process_time() - middle)
    speeds = [len(symbols) / 1e6 / max(float(np.median(seconds[kind])), 1e-9)
              for kind in (encode, decode)]
    return Measured(name, len(symbols), 8 * len(stream) / len(symbols), *speeds,
                    bool(np.array_equal(read, symbols)))


def report(result, console):
    """Print the speeds; raise Mismatch if a stream was read wrongly."""
    table = Table(title="Huffman codes, million symbols (bytes) per second of CPU time",
                  title_justify="left", box=None, pad_edge=False)
    for title in ("symbols", "million", "bits each", "encode MB/s", "decode MB/s"):
        table.add_column(title, justify="left" if title == "symbols" else "right")
    for item in result.measured:
        table.add_row(item.name, f"{item.symbols / 1e6:.2f}", f"{item.bits:.2f}",
                      f"{item.encode_mb_s:.0f}", f"{item.decode_mb_s:.0f}")
    console.print(table)
    for item in result.measured:
        if not item.exact:
            raise Mismatch(f"{item.name}: what was decoded is not what was encoded")
