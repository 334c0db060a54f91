"""Huffman codes decoded in lanes: how often, and where guesses of where codes start don't hold."""

import time
import tracemalloc

import numpy as np
import pytest

from golden.compression import huffman_lanes
from golden.compression.huffman import check_lengths, code_lengths, decode, encode, size_bits
from sim_tests.bench.huffman_streams import FIBONACCI, coded, drawn


@pytest.fixture
def lanes(monkeypatch):
    """How many lanes were decoded at a time."""
    found, run = [], huffman_lanes.Lanes._run
    monkeypatch.setattr(huffman_lanes.Lanes, "_run", lambda self, starts, limits: (
        found.append(len(starts)), run(self, starts, limits))[1])
    return found


def test_few_lanes_are_decoded_again(monkeypatch, lanes):
    """Guesses are nearly always right, and a wrong one costs its lane, not all of them."""
    symbols = drawn(8, 256, 30, 200_000)
    stream, lengths = coded(symbols)
    monkeypatch.setattr(huffman_lanes, "_LEAD", 64)
    np.testing.assert_array_equal(decode(stream, lengths, len(symbols)), symbols)
    guesses, everything, *again = lanes
    assert guesses == everything > 500
    assert again and sum(again) < everything


def test_more_bits_than_are_decoded_at_a_time():
    symbols = drawn(9, 256, 30, 1_300_000)
    stream, lengths = coded(symbols)
    assert 8 * len(stream) > huffman_lanes._BITS
    np.testing.assert_array_equal(decode(stream, lengths, len(symbols)), symbols)


@pytest.mark.parametrize(("lengths", "count"), [
    ([3] * 7 + [6] * 8, 40_000), ([3] * 7 + [6] * 8, 3000), ([6] * 64, 30_000),
    ([2, 2, 2, 4, 4, 4, 4], 20_000), ([1, *range(2, 15), 15, 15, 0], 20_000),
    ([2, 3, 3, 3, 4, 4, 4, 4, 4, 4], 20_000), ([2, 2, 2, 3, 3], 50_000)])
def test_codes_that_find_the_right_bits_late_or_never(lengths, count, monkeypatch):
    rng = np.random.default_rng(5)
    used = np.flatnonzero(lengths)
    few = rng.choice(used[-3:], count).astype(np.uint8)         # with long codes there is no hint
    for symbols in (rng.choice(used, count).astype(np.uint8), few, np.sort(few)):
        stream = encode(symbols, lengths)
        for rounds, lead in ((8, 512), (0, 512), (1, 0)):
            monkeypatch.setattr(huffman_lanes, "_ROUNDS", rounds)
            monkeypatch.setattr(huffman_lanes, "_LEAD", lead)
            np.testing.assert_array_equal(decode(stream, lengths, count), symbols)


def interrupted(every):
    """A code of 15 ones, in which no decoder finds its way, but for others now and then."""
    symbols = np.full(200_000, 15, np.uint8)
    places = np.random.default_rng(7).random(len(symbols)) < 1 / every
    symbols[places] = np.arange(np.count_nonzero(places)) % 15
    return symbols


@pytest.mark.parametrize(("symbols", "times"), [
    (np.full(200_000, 15, np.uint8), 1), (np.tile(np.uint8([15, 15, 3, 15, 9]), 40_000), 1),
    (np.repeat(np.uint8([11, 15] * 20), 5000), 3.2), (interrupted(1000), 3.2),
    (interrupted(20_000), 3.2)])
def test_what_repeats_itself_is_decoded_once_or_a_few_times(symbols, times, lanes):
    lengths = [*range(1, 15), 15, 15]
    stream = encode(symbols, lengths)
    np.testing.assert_array_equal(decode(stream, lengths, len(symbols)), symbols)
    assert lanes[0] > 500 and sum(lanes) <= times * lanes[0]


@pytest.mark.parametrize("count", [1000, 1024, 1500, 5000])
def test_a_period_longer_than_a_lane(count):
    """24 codes of 15 bits are more than the least bits of a lane."""
    lengths = [*range(1, 15), 15, 15]
    symbols = np.resize(np.uint8([14] * 23 + [13]), count)
    np.testing.assert_array_equal(decode(encode(symbols, lengths), lengths, count), symbols)


def test_every_start_is_tried_where_no_guess_holds(lanes):
    """A code of 3 and 6 bits in lanes whose borders are not codes: no guess is ever right."""
    lengths, symbols = [3] * 7 + [6] * 8, np.random.default_rng(0).integers(0, 15, 30_000, np.uint8)
    stream = encode(symbols, lengths)
    decoder = huffman_lanes.Lanes(check_lengths(lengths), len(symbols))
    decoder._divisor = 1
    decoded, end = decoder.decode(stream, 0)
    assert lanes[-2:] == [6 * (lanes[-1] - 1), lanes[-1]]
    np.testing.assert_array_equal(decoded[:30_000], symbols)
    assert end >= size_bits(np.bincount(symbols, minlength=15), lengths)


def test_time_and_memory_are_in_proportion_to_the_stream_whatever_is_in_it():
    """One lane of 1-bit codes among lanes of 15-bit ones; codes that never meet the right bits."""
    lengths = code_lengths(FIBONACCI[:16])
    skewed = np.where(np.arange(100_000) < 50_000, 15, 0).astype(np.uint8)
    seconds = []
    for symbols in (skewed, np.zeros(100_000, np.uint8)):
        stream = encode(symbols, lengths)
        tracemalloc.start()
        start = time.process_time()
        np.testing.assert_array_equal(decode(stream, lengths, len(symbols)), symbols)
        seconds.append(time.process_time() - start)
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
        tracemalloc.stop()
    assert max(seconds) < 30
