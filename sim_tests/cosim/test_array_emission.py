# amaranth: UnusedElaboratable=no

"""The array as it is emitted, each part once, and as plain submodules: the same in simulation."""

import numpy as np
import pytest
from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.emission import emit_verilog
from hw.systolic.systolic_array import SystolicArray
from sim_tests.bench.player import build_simulator

pytestmark = pytest.mark.cosim


class ArrayBench(wiring.Component):
    """An array that is fed from words; each is answered by a digest of all sums of that cycle.

    Bits 0 to 2 are `shift_first`, `shift` and `adopt`; lane n of activations and weights starts
    at bit 3 plus a few times n, round and round.
    """

    commands: In(stream.Signature(32))
    responses: Out(stream.Signature(32))

    def __init__(self, **parameters):
        self.array = SystolicArray(**parameters)
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.array = array = self.array
        word = self.commands.payload
        for lane in range(array.rows):
            m.d.comb += array.activations[lane].eq(word.rotate_right(3 + 5 * lane))
        for lane in range(array.columns):
            m.d.comb += array.weights[lane].eq(word.rotate_right(7 + 3 * lane))
        m.d.comb += [
            Cat(array.shift_first, array.shift, array.adopt).eq(word),
            self.commands.ready.eq(1),
            self.responses.valid.eq(self.commands.valid),
            self.responses.payload.eq(sum(
                array.sums[column] * (2 * column + 1) for column in range(array.columns))),
        ]
        return m


def test_shared_modules_and_plain_submodules_agree():
    """18 rows are a group of 16 and one of 2; 3 columns a pair of multipliers and one."""
    parameters = {"rows": 18, "columns": 3, "activation_width": 8, "weight_width": 5}
    words = np.random.default_rng(9).integers(1 << 32, size=20_000, dtype=np.uint32)
    texts = [emit_verilog(ArrayBench(**parameters), name="array_bench", shares=shares)
             for shares in (True, False)]
    assert texts[0] != texts[1]
    shared, plain = (build_simulator(text, name="array_bench").run(words, responses=words.size)
                     for text in texts)
    np.testing.assert_array_equal(shared.responses, plain.responses)
    assert np.unique(plain.responses).size > words.size // 2
