"""One bank of the activation memories, with the scanner that finds its non-zero activations."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from ..common.pipeline import register
from ..memory import Collision, block_ram
from .leading_nonzero import LeadingNonzeroDetector

__all__ = ["ActivationBank"]


class ActivationBank(wiring.Component):
    """Source and destination of one group of activations, read by non-zero value.

    The bank has two pages, the source and the destination of a layer, which the parent swaps by
    `read_page` and `write_page`. Beside the activations it keeps their *map*, one bit each, set if
    the activation is not zero; a map word is built as activations are written in ascending order
    and is scanned by leading non-zero detection, so that a zero costs nothing and `map_width` zeros
    in one word cost one cycle.

    Timing: after `start`, the first non-zero is `found` 2 cycles later at the earliest, then one
    every cycle in which `take` is high; a map word without any costs one cycle, whatever `take` is.
    `value` is the activation taken (or the one at `peek_index`) three cycles of `advance` later,
    that one included; it holds while `advance` is low. What is written in one cycle
    is in the memories two cycles later.

    Parameters
    ----------
    depth : int
        Activations in one page, a power of two.
    beat : int
        Activations written at once, a power of two no greater than `map_width`.
    width : int
        Width of a signed activation, in bits.
    map_width : int
        Activations scanned at once, a power of two no greater than `depth`.

    Members
    -------
    write : In(1)
        Write the activations of `write_address` selected by `mask`; all others of the page keep
        their value and, unless `fresh`, their flag.
    fresh : In(1)
        This write begins a map word.
    start : In(1)
        Scan the first `scan_words` words of the map of `read_page`.
    found, index : Out
        The next non-zero activation and its position in the bank.
    exhausted : Out(1)
        Nothing is left of the scan.
    take : In(1)
        Go on to the next non-zero, if one is `found`.
    peek : In(1)
        Read the activation at `peek_index` instead; only while exhausted.
    advance : In(1)
        What has been taken or peeked at moves on towards `value`; high whenever `take` or `peek`
        is.
    value : Out(signed(width))
    """

    def __init__(self, *, depth, beat, width, map_width):
        if not beat <= map_width <= depth:
            raise ValueError(f"Map width {map_width} must be from the beat, {beat}, to the depth, "
                             f"{depth}")
        self.depth = depth
        self.beat = beat
        self.width = width
        self.map_width = map_width
        super().__init__({
            "write": In(1),
            "fresh": In(1),
            "write_page": In(1),
            "write_address": In(range(depth // beat)),
            "mask": In(beat),
            "write_data": In(data.ArrayLayout(signed(width), beat)),
            "read_page": In(1),
            "start": In(1),
            "scan_words": In(range(depth // map_width + 1)),
            "found": Out(1),
            "index": Out(range(depth)),
            "exhausted": Out(1),
            "take": In(1),
            "peek": In(1),
            "peek_index": In(range(depth)),
            "advance": In(1),
            "value": Out(signed(width)),
        })

    def elaborate(self, platform):
        m = Module()

        words = self.depth // self.map_width
        beat_bits = ceil_log2(self.beat)

        # Reads and writes never meet in one page: a page is either the source or the destination.
        values_write, values_read = block_ram(
            m, "values", shape=data.ArrayLayout(signed(self.width), self.beat),
            depth=2 * self.depth // self.beat, collision=Collision.NEVER, granularity=1)
        maps_write, maps_read = block_ram(
            m, "maps", shape=self.map_width, depth=2 * words, collision=Collision.NEVER)

        # Write: what comes from all over the core is written in the next cycle.
        write = Signal()
        fresh, page, address, mask, written = (
            register(m, Value.cast(getattr(self, name)), f"{name}_held")
            for name in ("fresh", "write_page", "write_address", "mask", "write_data"))
        m.d.sync += write.eq(self.write)

        # `building` is the map word under construction, written anew with each beat.
        building = Signal(self.map_width)
        built = Signal(self.map_width)
        flags = Signal(self.beat)
        beats_per_word = self.map_width // self.beat
        place = address[:ceil_log2(beats_per_word)]
        for lane in range(self.beat):
            m.d.comb += flags[lane].eq(mask[lane] & written.word_select(lane, self.width).any())
        m.d.comb += [
            built.eq(Mux(fresh, 0, building) | Cat(
                Mux(place == number, flags, 0) for number in range(beats_per_word))),
            values_write.addr.eq(Cat(address, page)),
            Value.cast(values_write.data).eq(written),
            values_write.en.eq(Mux(write, mask, 0)),
            maps_write.addr.eq(Cat(address[ceil_log2(beats_per_word):]
                                   if words > 1 else Const(0, 0), page)),
            maps_write.data.eq(built),
            maps_write.en.eq(write),
        ]
        with m.If(write):
            m.d.sync += building.eq(built)

        # Scan: `pending` holds the flags of map word `word` that are still to be taken, and
        # `maps_read.data` is the word after it; `ahead` counts the words not yet in `pending`.
        m.submodules.detector = detector = LeadingNonzeroDetector(width=self.map_width)
        pending = Signal(self.map_width)
        word = Signal(range(words))
        ahead = Signal(range(words + 1))
        load = Signal()
        next_word = Signal(range(words + 1))

        m.d.comb += [
            detector.flags.eq(pending),
            self.found.eq(detector.found),
            self.index.eq(Cat(detector.index, word) if words > 1 else detector.index),
            self.exhausted.eq(~detector.found & (ahead == 0)),
            load.eq((ahead != 0) & ~detector.more & (~detector.found | self.take)),
            # `load` comes late in the cycle: it enables the read, but the address is there before.
            maps_read.addr.eq(Cat(Mux(self.start, 0, next_word)[:ceil_log2(words)],
                                  self.read_page)),
            maps_read.en.eq(self.start | load),
        ]
        with m.If(self.take):
            m.d.sync += pending.eq(detector.rest)
        with m.If(load):
            m.d.sync += [pending.eq(maps_read.data), word.eq(word + 1), ahead.eq(ahead - 1),
                         next_word.eq(next_word + 1)]
        with m.If(self.start):
            m.d.sync += [pending.eq(0), word.eq(-1), ahead.eq(self.scan_words), next_word.eq(1)]

        # Read: one beat of activations, of which `lane` is the one asked for. The scanner takes
        # most of a cycle to find it, so the address goes into a register first; what is read, into
        # the memory's own.
        read_index = Signal(range(self.depth), reset_less=True)
        reading = Signal()
        with m.If(self.advance):
            m.d.sync += [
                read_index.eq(Mux(self.peek, self.peek_index, self.index)),
                reading.eq((self.take & detector.found) | self.peek),
            ]
        shown = Signal.like(values_read.data, reset_less=True)
        m.d.comb += [
            values_read.addr.eq(Cat(read_index[beat_bits:], self.read_page)),
            values_read.en.eq(reading & self.advance),
        ]
        lane, shown_lane = (Signal(range(self.beat), name=name, reset_less=True)
                            for name in ("lane", "shown_lane"))
        with m.If(self.advance):
            m.d.sync += [
                lane.eq(read_index[:beat_bits]),
                shown_lane.eq(lane),
                shown.eq(values_read.data),
            ]
        m.d.comb += self.value.eq(shown[shown_lane])

        return m
