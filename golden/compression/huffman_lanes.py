"""Decoding prefix codes in lanes: many places of a stream at once, in lock step.

Decoding seems sequential, as a code starts where the one before ends. But a decoder that starts at
a wrong bit soon meets the right ones, whatever it has read until then (Klein and Wiseman, Parallel
Huffman decoding, Computer Journal 2003). So the stream is cut into *lanes* of equally many bits,
and a decoder runs for each, one NumPy operation for all of them. Each guesses where its first code
starts by decoding the end of the lane before. The guess is then checked against where that lane
really ended: what is returned never rests on a guess. In a stream that repeats itself a decoder may
never meet the right bits: if the first codes do, lanes start where the repetition says, and if only
parts do, where a lane should have started is worked out from how it looked from elsewhere. Other
codes that never meet take longer, as every bit that a lane may start at is tried, but not more than
in proportion.
"""

import numpy as np

from .huffman_codes import MAX_LENGTH

__all__ = ["Lanes"]

#: Bits that are decoded at a time: stays within the cache.
_BITS = 1 << 23
#: Bits that are decoded before a lane, to find its first code.
_LEAD = 384
#: How often wrong guesses are replaced by what the lane before says, before all are worked out.
_ROUNDS = 8
#: Codes that are looked at for a repetition, and how many may repeat themselves.
_PROBE, _REPEATED = 96, 24
#: From so many symbols on, a table of pairs pays.
_PAIRS_FROM = 1 << 14
#: Bits of a window of that table.
_WIDTH = 16
#: Steps after which the lanes are asked whether they have ended.
_STEPS = 8
#: Of an entry of a table: bits taken; whether there are two symbols; where those are, 8 bits each.
_TAKEN, _TWO, _FIRST, _SECOND = 31, 32, 16, 24


class Lanes:
    """Decoder of a code that uses two symbols or more.

    Parameters
    ----------
    lengths : ndarray of uint8
        See `golden.compression.huffman_codes.check_lengths`; not those of a single symbol.
    count : int
        Symbols that are going to be decoded: decides how large a table is worth building.
    """

    def __init__(self, lengths, count):
        symbols = np.lexsort((np.arange(len(lengths)), lengths))
        symbols = symbols[lengths[symbols] > 0]
        taken = lengths[symbols].astype(np.int64)
        self.longest, self._divisor = int(taken[-1]), int(np.gcd.reduce(taken))
        pairs = count >= _PAIRS_FROM
        self._width = _WIDTH if pairs else self.longest
        # What a window starts with: canonical codes ascend in this order.
        one = np.repeat(symbols << _FIRST | taken, 1 << self._width - taken)
        self._one = self._table = one.astype(np.uint32)
        if pairs:
            taken = one & _TAKEN
            second = one[np.arange(1 << _WIDTH) << taken & (1 << _WIDTH) - 1]
            both = taken + (second & _TAKEN)
            two = both | _TWO | (one & ~_TAKEN) | second >> _FIRST << _SECOND
            self._table = np.where(both <= _WIDTH, two, one).astype(np.uint32)

    def decode(self, stream, start):
        """Decode some millions of bits.

        Parameters
        ----------
        stream : ndarray of uint8
        start : int
            Bit at which a code starts.

        Returns
        -------
        symbols : ndarray of uint8
        end : int
            Bit behind their codes; it may lie behind the stream, which goes on with zeros.
        """
        stop = min(start + _BITS, 8 * len(stream))
        # Positions count bits from the end of a chunk, so that a window, the bits behind one, is a
        # shift to the right of three bytes.
        chunk = stream[start >> 3:(stop >> 3) + 8]
        padded = np.concatenate([np.zeros(8, np.uint8), chunk[::-1], np.zeros(3, np.uint8)])
        self._words = np.ndarray(len(padded) - 3, "<u4", padded, 0, (1,)).astype(np.int64)
        origin = 8 * (len(chunk) + 8 + (start >> 3)) - self._width

        size = max(256, int(0.7 * (stop - start) ** 0.5))
        period = self._period(origin - start)
        unit = period or self._divisor
        size = max(size - size % unit, unit)
        starts = np.arange(start, stop, size)
        limits = origin - np.append(starts[1:], stop)
        starts = origin - starts
        ends, parts = self._settle(starts if period else self._guess(starts), limits)
        return self._symbols(parts), origin - int(ends[-1])

    def _period(self, position):
        """Bits after which the lengths of the first codes repeat themselves, or 0."""
        lengths = []
        for _ in range(_PROBE):
            if position < 0:
                return 0
            window = int(self._words[position >> 3]) >> (position & 7) & (1 << self._width) - 1
            lengths.append(int(self._one[window]) & _TAKEN)
            position -= lengths[-1]
        for count in range(1, _REPEATED + 1):
            if lengths[count:] == lengths[:-count]:
                return sum(lengths[:count])
        return 0

    def _guess(self, starts):
        """Where the lanes' first codes might start; of the first lane it is known."""
        early = np.minimum(starts + _LEAD // self._divisor * self._divisor, starts[0])
        ends, _ = self._run(early, starts)
        return np.append(starts[0], ends[1:])

    def _settle(self, starts, limits):
        """Decode all lanes, from guesses and then from where these led to; as `_run`."""
        ends, parts = self._run(starts, limits)
        lasting = False
        for count in range(_ROUNDS):
            wrong = 1 + np.flatnonzero(ends[:-1] != starts[1:])
            if not wrong.size:
                return ends, parts
            # Where a lane or two don't meet the right bits, the next does.
            lasting = lasting or count >= 2 or wrong.size > len(starts) >> 3
            if lasting:
                predicted = self._predict(starts, ends, limits, parts)
                wrong = np.flatnonzero(predicted != starts)
                starts[wrong] = predicted[wrong]
            else:
                starts[wrong] = ends[wrong - 1]
            ends[wrong], others = self._run(starts[wrong], limits[wrong])
            parts = _replace(parts, wrong, others)
        # A lane starts at most so many bits behind the one before it: follow all of them.
        tried = limits[:-1, None] - np.arange(self.longest)
        led, _ = self._run(tried.ravel(), np.repeat(limits[1:], self.longest))
        led = led.reshape(tried.shape)
        for lane in range(1, len(starts)):
            starts[lane] = ends[lane - 1]
            ends[lane] = led[lane - 1, limits[lane - 1] - starts[lane]]
        return self._run(starts, limits)

    def _predict(self, starts, ends, limits, parts):
        """Where lanes should start, from what they looked like when they started elsewhere.

        A lane of codes of one length, if it starts some bits later, ends as many later, up to that
        length; of any other it is taken that it ends where it did, having met the right bits.
        """
        lengths = np.zeros((2, len(starts)), np.int64)
        for number, (entries, counts) in enumerate(parts[-2:]):
            taken = entries & _TAKEN
            there = np.arange(len(entries))[:, None] < counts
            longest = taken.max(axis=0, where=there, initial=0)
            same = longest == taken.min(axis=0, where=there, initial=_TAKEN)
            lengths[number] = np.where(same, longest, np.where(counts > 0, -1, 0))
        first, last = lengths if len(parts) == 2 else (lengths[0], lengths[0])
        # What was looked up first may be two codes; what came last is one.
        only = np.where(last == 0, first, last)
        constant = (only > 0) & ((first == only) | (first == 2 * only) | (first == 0))
        predicted, at = [int(starts[0])], int(starts[0])
        for start, end, limit, length in zip(*(array.tolist() for array in (
                starts[:-1], ends[:-1], limits[:-1], np.where(constant, only, 0)[:-1])),
                strict=True):
            at = at - -(-(at - limit) // length) * length if length and at != start else end
            predicted.append(at)
        return np.array(predicted)

    def _run(self, starts, limits):
        """Decode each lane until it ends: its last code starts before its limit.

        Returns
        -------
        ends : ndarray of int64, shape (lanes,)
        parts : list of (entries, counts)
            What was looked up, shape (steps, lanes), and how many of the steps count.
        """
        parts = []
        if self._table is not self._one:
            # Two symbols take 16 bits at most, so that the second starts before the limit too.
            starts, *part = self._advance(self._table, starts, limits + MAX_LENGTH)
            parts.append(part)
        ends, *part = self._advance(self._one, starts, limits)
        return ends, [*parts, part]

    def _advance(self, table, positions, limits):
        mask = (1 << self._width) - 1
        entries, history = [], [positions[None]]
        at, windows, taken = (np.empty(len(positions), np.int64) for _ in range(3))
        while (positions > limits).any():
            found = np.empty((_STEPS, len(positions)), np.uint32)
            passed = np.empty((_STEPS, len(positions)), np.int64)
            for step in range(_STEPS):
                np.right_shift(positions, 3, out=at)
                # Lanes that have ended go on, behind the stream too: that is what clips.
                np.take(self._words, at, out=windows, mode="clip")
                np.bitwise_and(positions, 7, out=taken)
                np.right_shift(windows, taken, out=windows)
                np.bitwise_and(windows, mask, out=windows)
                np.take(table, windows, out=found[step], mode="clip")
                np.bitwise_and(found[step], _TAKEN, out=taken, casting="unsafe")
                positions = np.subtract(positions, taken, out=passed[step])
            entries.append(found)
            history.append(passed)
        history = np.concatenate(history)
        counts = (history > limits).sum(axis=0)
        entries = np.concatenate(entries) if entries else np.empty((0, len(limits)), np.uint32)
        return history[counts, np.arange(len(limits))], entries, counts

    def _symbols(self, parts):
        """Symbols of all lanes, in order, from what `_run` looked up."""
        counted = np.concatenate(
            [np.arange(len(entries)) < counts[:, None] for entries, counts in parts], axis=1)
        entries = np.ascontiguousarray(np.concatenate([entries for entries, _ in parts]).T)
        entries = entries[counted].view(np.uint16)
        pairs = np.ascontiguousarray(entries[1::2]).view(np.uint8)
        two = entries[::2] & _TWO
        if not two.any():
            return pairs[::2]
        there = np.ones((len(pairs) // 2, 2), bool)
        there[:, 1] = two
        return pairs[there.ravel()]


def _replace(parts, lanes, others):
    """Put what was looked up for some lanes in the place of what was before."""
    replaced = []
    for (entries, counts), (more, more_counts) in zip(parts, others, strict=True):
        if len(more) > len(entries):
            longer = np.zeros((len(more) - len(entries), entries.shape[1]), np.uint32)
            entries = np.concatenate([entries, longer])
        entries[:len(more), lanes] = more
        counts[lanes] = more_counts
        replaced.append((entries, counts))
    return replaced
