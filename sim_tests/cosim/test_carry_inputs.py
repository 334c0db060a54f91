# amaranth: UnusedElaboratable=no

"""Functions before the carry chains of an ECP5: moved into them where they can be, exactly."""

import json
import subprocess

import numpy as np
import pytest
from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.emission import emit_verilog
from scripts.carry_inputs import absorb_carry_inputs
from scripts.netlist import synthesized_verilog
from scripts.toolchain import find
from sim_tests.bench.player import build_simulator

pytestmark = pytest.mark.cosim

WORDS = 3000
WIDTH = 10
MASK = (1 << WIDTH) - 1


def choice(s, x, y):
    return (s & x) | (~s & y)


#: What becomes of a function's value v, and z.
SUMS = {
    "v + z": lambda v, z: v + z,
    "z - v": lambda v, z: z - v,
    "v - z": lambda v, z: v - z,
}
#: Functions of x, y and s, which all bits of a number have in common, that NumPy and Amaranth
#: compute alike; for each sum that they are tried in, how many look-up tables go.
FUNCTIONS = {
    "choice": (choice, {"v + z": WIDTH, "z - v": 0, "v - z": WIDTH}),
    "and": (lambda s, x, y: x & y, {"v + z": WIDTH, "z - v": WIDTH, "v - z": WIDTH}),
    "or": (lambda s, x, y: x | y, {"v + z": WIDTH, "z - v": WIDTH, "v - z": WIDTH}),
    "exclusive or": (lambda s, x, y: x ^ y, {"v + z": WIDTH}),
    "masked or": (lambda s, x, y: (x & s) | y, {"v + z": WIDTH}),
    "or of three": (lambda s, x, y: x | y | s, {"v + z": 0}),
    "nor of three": (lambda s, x, y: ~(x | y | s), {"v + z": 0}),
    "and of three": (lambda s, x, y: x & y & s, {"v + z": WIDTH, "v - z": WIDTH}),
    "nand of three": (lambda s, x, y: ~(x & y & s), {"z - v": WIDTH}),
}
CASES = [(function, total) for function, (_, totals) in FUNCTIONS.items() for total in totals]


class Sums(wiring.Component):
    """Answers a word by a sum of a function of the word before it.

    Of a word x is bits 0 to 9, y bits 10 to 19, z bits 20 to 29 and s bit 30, all through
    registers, so that nothing but the function is in front of the chain. If it is `shared`, the
    upper half of the answer is the value of the function before.
    """

    commands: In(stream.Signature(32))
    responses: Out(stream.Signature(32))

    def __init__(self, function, total, shared=False):
        self.function = FUNCTIONS[function][0]
        self.total = SUMS[total]
        self.shared = shared
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        held = Signal(32)
        with m.If(self.commands.valid):
            m.d.sync += held.eq(self.commands.payload)
        x, y, z = (held[low:low + WIDTH] for low in range(0, 3 * WIDTH, WIDTH))
        value = self.function(held[30].replicate(WIDTH), x, y)[:WIDTH]
        before = Signal(WIDTH)
        m.d.sync += before.eq(value)
        m.d.comb += [
            self.commands.ready.eq(1),
            self.responses.valid.eq(self.commands.valid),
            self.responses.payload.eq(Cat(self.total(value, z)[:WIDTH], Const(0, 16 - WIDTH),
                                          before if self.shared else 0)),
        ]
        return m


def netlist_of(component, tmp_path):
    (tmp_path / "sums.v").write_text(emit_verilog(component, name="sums"))
    subprocess.run([str(find("yosys")), "-q", "-p", "read_verilog sums.v; synth_ecp5 -top sums; "
                    "write_json sums.json"], cwd=tmp_path, check=True)
    return json.loads((tmp_path / "sums.json").read_text())["modules"]["sums"]


@pytest.mark.parametrize("function, total", CASES)
def test_functions_before_a_chain(function, total, tmp_path):
    module = netlist_of(Sums(function, total), tmp_path)
    before = dict(module["cells"])
    moved = absorb_carry_inputs(module)
    assert len(moved) == FUNCTIONS[function][1][total]
    assert before.keys() - module["cells"].keys() == set(moved)
    assert all(before[name]["type"] == "LUT4" for name in moved)
    assert absorb_carry_inputs(module) == []

    words = np.random.default_rng(1).integers(1 << 32, size=WORDS, dtype=np.uint32)
    verilog = synthesized_verilog(Sums(function, total), name="sums", family="ecp5")
    result = build_simulator(verilog, name="sums").run(words, responses=WORDS)
    held = np.concatenate([[0], words[:-1].astype(np.int64)])
    x, y, z = (held >> low & MASK for low in range(0, 3 * WIDTH, WIDTH))
    value = FUNCTIONS[function][0]((held >> 30 & 1) * MASK, x, y) & MASK
    expected = SUMS[total](value, z) & MASK
    assert len(set(expected.tolist())) > 500
    np.testing.assert_array_equal(result.responses, expected)


def test_what_stays(tmp_path):
    # What lies elsewhere, what is to be kept, and what somebody else looks at.
    module = netlist_of(Sums("choice", "v + z"), tmp_path)
    assert absorb_carry_inputs(module, within="elsewhere.") == []
    for cell in list(module["cells"].values()):
        if cell["type"] == "LUT4":
            bit, = cell["connections"]["Z"]
            module["netnames"][f"kept_{bit}"] = {"bits": [bit], "attributes": {"keep": "1"}}
    assert absorb_carry_inputs(module) == []
    assert absorb_carry_inputs(netlist_of(Sums("choice", "v + z", shared=True), tmp_path)) == []
