# amaranth: UnusedElaboratable=no

"""Registers behind block RAM of an ECP5: moved into it where they can be, to the same effect."""

import json
import subprocess

import numpy as np
import pytest
from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.emission import emit_verilog
from hw.memory import Collision, block_ram
from scripts.netlist import synthesized_verilog
from scripts.output_registers import absorb_output_registers
from scripts.toolchain import find
from sim_tests.bench.player import build_simulator

pytestmark = pytest.mark.cosim

WORDS = 4000
#: Bits that words of a RAM are narrowed down to.
LIMB = 32
#: What the first rows hold.
INITIAL = range(3, 256, 5)


class Rows(wiring.Component):
    """A RAM with a register behind it, worked by words.

    Bits 0 to 9 are the row that bit 10 has read, bits 16 to 25 the row that bit 11 has written with
    the word and rotations of it; bit 12 has the register take what the RAM shows. A word is
    answered by the exclusive or of the register's limbs as the words before it left them.

    Parameters
    ----------
    width, depth : int
    always : bool
        The register takes what the RAM shows in every cycle.
    kind : str
        What else there is to the register: "plain", a "reset", a "second" reader of the RAM,
        or `keep`: "kept".
    """

    commands: In(stream.Signature(32))
    responses: Out(stream.Signature(32))

    def __init__(self, width, depth, always=False, kind="plain"):
        self.width = width
        self.depth = depth
        self.always = always
        self.kind = kind
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        word, valid = self.commands.payload, self.commands.valid
        write, read = block_ram(m, "rows", shape=self.width, depth=self.depth,
                                collision=Collision.IGNORED, init=INITIAL)
        register = Signal(self.width, reset_less=True,
                          attrs={"keep": 1} if self.kind == "kept" else {})
        with m.If(valid & (self.always | word[12])):
            m.d.sync += register.eq(read.data)
        if self.kind == "reset":
            with m.If(valid & word[13]):
                m.d.sync += register.eq(0)
        second = read.data[0] if self.kind == "second" else 0
        limbs = [register[low:low + LIMB] for low in range(0, self.width, LIMB)]
        folded = limbs[0]
        for limb in limbs[1:]:
            folded = folded ^ limb
        m.d.comb += [
            read.addr.eq(word[:10]), read.en.eq(valid & word[10]),
            write.addr.eq(word[16:26]), write.en.eq(valid & word[11]),
            write.data.eq(Cat(word, ~word.rotate_left(7), word.rotate_left(13))),
            self.commands.ready.eq(1),
            self.responses.valid.eq(valid),
            self.responses.payload.eq(folded ^ second),
        ]
        return m


def rotated(word, by):
    return (word << by | word >> 32 - by) & (1 << 32) - 1


def expected(words, width, depth, always):
    """What a `Rows` without a second reader or reset answers."""
    rows = [0] * depth
    for row, value in enumerate(INITIAL):
        rows[row] = value
    shown, register, answers = 0, 0, []
    for word in map(int, words):
        folded = 0
        for low in range(0, width, LIMB):
            folded ^= register >> low & (1 << LIMB) - 1
        answers.append(folded)
        if always or word >> 12 & 1:
            register = shown
        if word >> 10 & 1:
            shown = rows[(word & 1023) % depth]
        if word >> 11 & 1:
            rows[(word >> 16 & 1023) % depth] = (
                word | (rotated(word, 7) ^ (1 << 32) - 1) << 32 | rotated(word, 13) << 64
            ) & (1 << width) - 1
    return answers


@pytest.mark.parametrize("width, depth, always", [
    (72, 512, False), (36, 512, True), (36, 1024, False), (18, 1024, False), (20, 1024, True),
    (9, 1024, False), (16, 512, True), (40, 512, False),
])
def test_registers_in_the_ram(width, depth, always):
    rng = np.random.default_rng(width + depth)
    words = rng.integers(1 << 32, size=WORDS, dtype=np.uint32)
    # Few rows, so that they are read again; never the row that is written at the same time.
    words &= ~np.uint32(0x03F0_03F0)
    words[(words & 15) == (words >> 16 & 15)] ^= 1
    component = Rows(width, depth, always)
    verilog = synthesized_verilog(component, name="rows", family="ecp5")
    assert '"OUTREG"' in verilog[verilog.index("module rows"):]
    result = build_simulator(verilog, name="rows").run(words, responses=WORDS)
    assert len(set(result.responses.tolist())) > 20
    np.testing.assert_array_equal(result.responses, expected(words, width, depth, always))


# Of two RAMs, of 36 and of 4 bits, one has the second reader.
@pytest.mark.parametrize("kind, number", [("plain", 40), ("reset", 0), ("second", 4), ("kept", 0)])
def test_which_registers_are_moved(kind, number, tmp_path):
    (tmp_path / "rows.v").write_text(emit_verilog(Rows(40, 512, kind=kind), name="rows"))
    subprocess.run([str(find("yosys")), "-q", "-p", "read_verilog rows.v; synth_ecp5 -top rows; "
                    "write_json rows.json"], cwd=tmp_path, check=True)
    module = json.loads((tmp_path / "rows.json").read_text())["modules"]["rows"]
    before = len(module["cells"])
    moved = absorb_output_registers(module)
    assert len(moved) == before - len(module["cells"]) == number
    assert not module["cells"].keys() & set(moved)
    assert absorb_output_registers(module, within="elsewhere.") == []
