"""Huffman codes against bitarray's, exhaustive search and hand-worked streams; damaged streams."""

import doctest
import itertools
import tracemalloc

import numpy as np
import pytest
from bitarray import bitarray
from bitarray.util import canonical_decode, huffman_code
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.compression import huffman, huffman_codes, huffman_stream
from golden.compression.huffman import (
    HuffmanError,
    canonical_codes,
    check_lengths,
    code_lengths,
    decode,
    dump_lengths,
    encode,
    load_lengths,
    size_bits,
)
from sim_tests.bench.huffman_streams import FIBONACCI, coded, drawn


def test_examples():
    for module in (huffman, huffman_codes, huffman_stream):
        result = doctest.testmod(module)
        assert result.attempted and not result.failed


def test_by_hand():
    """The example of Deep Compression's kind: one frequent index, two less so, two rare ones."""
    lengths = code_lengths([15, 7, 6, 6, 5])
    assert lengths.tolist() == [1, 3, 3, 3, 3]
    assert canonical_codes(lengths).tolist() == [0b0, 0b100, 0b101, 0b110, 0b111]
    assert size_bits([15, 7, 6, 6, 5], lengths) == 15 + 3 * 24
    stream = encode(np.array([1, 0, 0, 4, 2], np.uint8), lengths)
    assert stream.tobytes() == bytes([0b10000111, 0b10100000])
    assert decode(stream, lengths, 5).tolist() == [1, 0, 0, 4, 2]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=256))
def test_as_long_as_bitarrays_codes(counts):
    counts[:2] = np.maximum(counts[:2], 1).tolist()
    reference = huffman_code({symbol: count for symbol, count in enumerate(counts) if count})
    lengths = code_lengths(counts)
    total = sum(count * len(reference[symbol]) for symbol, count in enumerate(counts) if count)
    if max(len(code) for code in reference.values()) <= 15:
        assert size_bits(counts, lengths) == total
    else:
        assert size_bits(counts, lengths) >= total
    check_lengths(lengths)


@pytest.mark.parametrize(("symbols", "spread"), [(64, 8), (256, 30), (32, 0), (2, 0.5)])
def test_bitarray_decodes_our_streams(symbols, spread):
    symbols = drawn(1, symbols, spread, 5000)
    stream, lengths = coded(symbols)
    counts = np.bincount(lengths, minlength=16)
    counts[0] = 0
    order = [int(symbol) for symbol in np.lexsort((np.arange(256), lengths)) if lengths[symbol]]
    bits = bitarray(endian="big")
    bits.frombytes(stream.tobytes())
    del bits[size_bits(np.bincount(symbols, minlength=256), lengths):]
    decoded = canonical_decode(bits, counts[:lengths.max() + 1].tolist(), order)
    assert list(decoded) == symbols.tolist()


def test_the_limit_is_met_optimally():
    """Against all lengths that satisfy Kraft's equation."""
    rng, tried = np.random.default_rng(3), 0
    for symbols, limit in ((3, 2), (4, 3), (5, 3), (6, 3), (6, 4), (7, 4)):
        complete = [lengths for lengths in
                    itertools.combinations_with_replacement(range(1, limit + 1), symbols)
                    if sum(1 << limit - length for length in lengths) == 1 << limit]
        for counts in [FIBONACCI[:symbols], *rng.integers(1, 100, (20, symbols)).tolist()]:
            best = min(sum(count * length for count, length in
                           zip(sorted(counts, reverse=True), lengths, strict=True))
                       for lengths in complete)
            lengths = code_lengths(counts, limit)
            assert lengths.max() <= limit and size_bits(counts, lengths) == best
            tried += 1
    assert tried == 6 * 21


def test_extremes():
    assert code_lengths(FIBONACCI[:16]).tolist() == [15, 15, *range(14, 0, -1)]
    for limit in (6, 8, 15):
        lengths = code_lengths(FIBONACCI, limit)
        assert lengths.max() == limit
        check_lengths(lengths)
    assert code_lengths([5] * 256, 8).tolist() == [8] * 256
    assert code_lengths([3, 3, 3]).tolist() == [1, 2, 2]        # of equals, the first is shorter
    assert code_lengths([1, 9, 1, 1, 1, 1]).tolist() == [3, 1, 3, 3, 4, 4]
    assert code_lengths([0, 7, 0]).tolist() == [0, 1, 0]
    assert code_lengths([0, 0]).tolist() == [0, 0]
    assert decode(b"", [0, 0], 0).shape == decode(b"", [1, 1], 0).shape == (0,)
    assert encode(np.zeros(0, np.uint8), [0, 1]).shape == (0,)
    alone = encode(np.full(19, 3, np.uint8), code_lengths([0, 0, 0, 19]))
    assert alone.tobytes() == bytes(3)
    assert decode(alone, [0, 0, 0, 1], 19).tolist() == [3] * 19


@pytest.mark.parametrize(("symbols", "spread"), [(64, 8), (256, 30), (32, 0), (16, 0.3), (256, 1e4),
                                                 (2, 0.5), (3, 1)])
@pytest.mark.parametrize("count", [1, 7, 300, 20_000, 300_000])
def test_round_trip_of_what_deep_compression_makes(symbols, spread, count):
    symbols = drawn(count, symbols, spread, count)
    for limit in (8, 15):
        stream, lengths = coded(symbols, max_length=limit)
        np.testing.assert_array_equal(decode(stream, lengths, count), symbols)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=3000), st.integers(8, 15))
def test_round_trip(data, limit):
    symbols = np.frombuffer(data, np.uint8)
    stream, lengths = coded(symbols, max_length=limit)
    assert 8 * len(stream) - size_bits(np.bincount(symbols, minlength=256), lengths) in range(8)
    np.testing.assert_array_equal(decode(stream, lengths, len(symbols)), symbols)
    table = dump_lengths(lengths)
    again, size = load_lengths(table + b"\xff")
    assert size == len(table) <= 240
    np.testing.assert_array_equal(again, lengths[:len(again)])
    assert not lengths[len(again):].any()


def test_tables_are_small():
    """64 indices and 32 runs, as LeNet has; 256 indices, as SqueezeNet."""
    assert len(dump_lengths(coded(drawn(1, 64, 8, 20_000), 64)[1])) < 40
    assert len(dump_lengths(coded(drawn(2, 32, 0, 20_000), 32)[1])) < 24
    assert len(dump_lengths(coded(drawn(3, 256, 40, 20_000), 256)[1])) < 110


@pytest.mark.parametrize(("stream", "lengths", "count", "reason"), [
    ("5c", [1, 2, 3, 0, 3], 9, "truncated"),                # 9 codes of 1 bit or more
    ("5c", [1, 2, 3, 0, 3], 6, "truncated"),                # 0 10 111 0 0, then nothing
    ("ff", [1, 2, 3, 0, 3], 3, "truncated"),                # 111 111 11
    ("", [1, 1], 1, "truncated"),
    ("5d", [1, 2, 3, 0, 3], 4, "trailing bits"),
    ("5c00", [1, 2, 3, 0, 3], 4, "trailing bytes"),
    ("5c00", [1, 2, 3, 0, 3], 14, "truncated"),             # 5 codes and 8
    ("5c000000", [1, 2, 3, 0, 3], 4, "trailing bytes"),
    ("00", [0, 0], 0, "trailing bytes"),
    ("", [0, 0], 1, "truncated"),
    ("20", [0, 1], 3, "invalid code"),
    ("10", [0, 1], 3, "trailing bits"),
    ("0000", [0, 1], 3, "trailing bytes"),
    ("00", [1, 1, 1], 1, "over-subscribed"),
    ("00", [2, 2, 2], 1, "incomplete"),
    ("00", [2], 1, "incomplete"),
])
def test_a_wrong_stream_is_named(stream, lengths, count, reason):
    with pytest.raises(HuffmanError, match=f"^{reason}: ") as error:
        decode(bytes.fromhex(stream), lengths, count)
    assert error.value.reason == reason


@pytest.mark.parametrize(("table", "reason"), [
    ("04 49 20 00 00 00 00 6c", "truncated"),
    ("04 49 20 00 00 00", "truncated"),
    ("04 24 90 00 00 00 00 6c c0", "over-subscribed"),      # inner lengths 1, 1, 1, 1
    ("04 69 20 00 00 00 00 6c c0", "incomplete"),           # inner lengths 3, 2, 2, 2
    ("04 49 20 00 00 00 00 a0 c0", "incomplete"),           # outer lengths 2, 2, 0, 0, 3
    ("04 49 20 00 00 00 00 6c c1", "bad table"),
    ("03 49 20 00 00 00 00 55", "over-subscribed"),         # outer lengths 1, 1, 1, 1
    ("05 49 20 00 00 00 00 6c c0", "bad table"),            # the last symbol has no code
    ("00 20 00 00 00 00 00 80", "invalid code"),
])
def test_a_wrong_table_is_named(table, reason):
    with pytest.raises(HuffmanError) as error:
        load_lengths(bytes.fromhex(table))
    assert error.value.reason == reason


def test_damaged_streams_are_decoded_or_refused():
    rng = np.random.default_rng(6)
    outcomes = {}
    for number in range(3000):
        # From 1000 on they are decoded in lanes, at the cost of more time.
        count = int(rng.integers(1, 400) if number % 50 else rng.integers(1000, 3000))
        symbols = drawn(number, int(rng.choice([1, 2, 5, 64, 256])), 3, count)
        stream, lengths = coded(symbols)
        data = bytearray(stream.tobytes())
        way = number % 5
        if way == 0 and data:
            data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        elif way == 1:
            del data[int(rng.integers(len(data) + 1)):]
        elif way == 2:
            data += rng.bytes(int(rng.integers(1, 9)))
        elif way == 3:
            lengths[rng.integers(len(lengths))] = rng.integers(16)
        else:
            count = int(rng.integers(2 * count))
        try:
            decoded = decode(bytes(data), lengths, count)
        except HuffmanError as error:
            outcomes[error.reason] = outcomes.get(error.reason, 0) + 1
        else:
            outcomes["decoded"] = outcomes.get("decoded", 0) + 1
            assert decoded.dtype == np.uint8 and decoded.shape == (count,)
            assert encode(decoded, lengths).tobytes() == bytes(data)
    assert sum(outcomes.values()) == 3000
    assert outcomes.keys() == {"decoded", "truncated", "trailing bytes", "trailing bits",
                               "incomplete", "over-subscribed", "invalid code"}, outcomes


def test_damaged_tables_are_loaded_or_refused():
    rng, outcomes = np.random.default_rng(7), {}
    for number in range(2000):
        lengths = code_lengths(rng.integers(0, 50, int(rng.integers(1, 257))))
        data = bytearray(dump_lengths(lengths))
        for _ in range(number % 3 + 1):
            data[rng.integers(len(data))] = rng.integers(256)
        try:
            again, size = load_lengths(data)
        except HuffmanError as error:
            outcomes[error.reason] = outcomes.get(error.reason, 0) + 1
        else:
            assert dump_lengths(again) == bytes(data[:size])
    assert outcomes.keys() >= {"incomplete", "over-subscribed", "truncated", "bad table"}


def test_nothing_is_allocated_for_a_claim():
    """Of a few bytes that are said to hold a billion symbols, and of a long stream with few."""
    for stream, count in ((bytes(100), 10**9), (bytes(10**6), 100)):
        tracemalloc.start()
        try:
            with pytest.raises(HuffmanError, match="truncated|trailing bytes"):
                decode(stream, [1, 2, 3, 3], count)
            assert tracemalloc.get_traced_memory()[1] < 100_000
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(("call", "message"), [
    (lambda: code_lengths([]), "1 to 256 symbols"),
    (lambda: code_lengths([1] * 257), "1 to 256 symbols"),
    (lambda: code_lengths([1.0, 2.0]), "integers"),
    (lambda: code_lengths([1, -1]), "negative"),
    (lambda: code_lengths([1 << 60, 1]), "sum to"),
    (lambda: code_lengths([1, 1], 16), "max_length must be from 1 to 15, not 16"),
    (lambda: code_lengths([1, 1, 1], 1), "3 symbols need codes of more than 1 bits"),
    (lambda: canonical_codes([16]), "from 0 to 15, not 16"),
    (lambda: canonical_codes([[1]]), "1 to 256 symbols"),
    (lambda: encode(np.array([1], np.uint8), [1]), "symbol 1 has no code"),
    (lambda: encode(np.array([1]), [1, 1]), "vector of uint8"),
    (lambda: size_bits([1, 1], [1, 0]), "symbol 1 has no code"),
    (lambda: size_bits([1], [1, 1]), "don't match"),
])
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
