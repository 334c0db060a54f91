"""Multipliers of the devices themselves, for `hw.common.multiplier`."""

from amaranth import *

__all__ = ["CELLS", "Ecp5Cells", "Ice40Cells"]


class Ecp5Cells:
    """MULT18X18D: 18 by 18 bits, signed (17 unsigned), registers for both factors and the product.

    The register of each has its own clock enable (Lattice FPGA-TN-02205, sysDSP usage guide): A and
    the product always, B with `load`.
    """

    def multiply(self, m, multiplier):
        """Make `multiplier` of cells; return whether that can be done."""
        for way in range(multiplier.ways):
            product = Signal(36, name=f"product_{way}_wide")
            ports = {}
            for port, value in (("A", multiplier.a[way]), ("B", multiplier.b[way])):
                wide = _extended(m, value, 18, f"{port.lower()}_{way}_wide")
                ports |= {f"i_{port}{bit}": wide[bit] for bit in range(18)}
                ports |= {f"i_SIGNED{port}": Const(1, 1), f"i_SOURCE{port}": Const(0, 1)}
            m.submodules[f"cell_{way}"] = Instance(
                "MULT18X18D",
                p_REG_INPUTA_CLK="CLK0", p_REG_INPUTA_CE="CE0", p_REG_INPUTA_RST="RST0",
                p_REG_INPUTB_CLK="CLK0", p_REG_INPUTB_CE="CE1", p_REG_INPUTB_RST="RST0",
                p_REG_OUTPUT_CLK="CLK0", p_REG_OUTPUT_CE="CE0", p_REG_OUTPUT_RST="RST0",
                p_GSR="DISABLED",
                i_CLK0=ClockSignal(), i_CE0=Const(1, 1), i_CE1=multiplier.load[way],
                i_RST0=Const(0, 1),
                **ports, **{f"o_P{bit}": product[bit] for bit in range(36)})
            m.d.comb += multiplier.product[way].eq(product)
        return True


class Ice40Cells:
    """SB_MAC16: one product of 16 by 16 bits, or two of 8 by 8, with a register on both sides.

    Two ways of 8 bits share a cell. Its register for B can only be held as a whole, so that each
    way then holds its B in registers of the fabric (Lattice SB_MAC16 in the iCE technology library,
    FPGA-TN-02007). What is not summed is left to yosys, which finds three registers in a cell
    behind its factors.
    """

    def multiply(self, m, multiplier):
        """Make `multiplier` of cells; return whether that can be done."""
        if max(multiplier.a_width, multiplier.b_width) > 16 or not multiplier.summed:
            return False
        if max(multiplier.a_width, multiplier.b_width) > 8 or multiplier.unsigned:
            for way in range(multiplier.ways):
                self._one(m, multiplier, way)
            return True
        for way in range(0, multiplier.ways, 2):
            self._pair(m, multiplier, range(way, min(way + 2, multiplier.ways)))
        return True

    def _one(self, m, multiplier, way):
        product = Signal(32, name=f"product_{way}_wide")
        self._cell(
            m, f"cell_{way}", p_B_REG=Const(1, 1), p_PIPELINE_16x16_MULT_REG2=Const(1, 1),
            p_TOPOUTPUT_SELECT=Const(3, 2), p_BOTOUTPUT_SELECT=Const(3, 2), p_MODE_8x8=Const(0, 1),
            i_A=_extended(m, multiplier.a[way], 16, f"a_{way}_wide"),
            i_B=_extended(m, multiplier.b[way], 16, f"b_{way}_wide"),
            i_BHOLD=~multiplier.load[way], o_O=product, unsigned=multiplier.unsigned)
        m.d.comb += multiplier.product[way].eq(product)

    def _pair(self, m, multiplier, ways):
        a, b, products = [Const(0, 8)] * 2, [Const(0, 8)] * 2, Signal(32, name=f"pair_{ways[0]}")
        for half, way in enumerate(ways):
            a[half] = _extended(m, multiplier.a[way], 8, f"a_{way}_wide")
            held = Signal(signed(multiplier.b_width), name=f"b_{way}_held", reset_less=True)
            with m.If(multiplier.load[way]):
                m.d.sync += held.eq(multiplier.b[way])
            b[half] = _extended(m, held, 8, f"b_{way}_wide")
            m.d.comb += multiplier.product[way].eq(products.word_select(half, 16))
        self._cell(
            m, f"cell_{ways[0]}", p_TOP_8x8_MULT_REG=Const(1, 1), p_BOT_8x8_MULT_REG=Const(1, 1),
            p_TOPOUTPUT_SELECT=Const(2, 2), p_BOTOUTPUT_SELECT=Const(2, 2), p_MODE_8x8=Const(1, 1),
            i_A=Cat(a), i_B=Cat(b), i_BHOLD=Const(0, 1), o_O=products)

    def _cell(self, m, name, *, unsigned=False, **connections):
        low = ("AHOLD", "CHOLD", "DHOLD", "IRSTTOP", "IRSTBOT", "ORSTTOP", "ORSTBOT", "OLOADTOP",
               "OLOADBOT", "ADDSUBTOP", "ADDSUBBOT", "OHOLDTOP", "OHOLDBOT", "CI", "ACCUMCI",
               "SIGNEXTIN")
        m.submodules[name] = Instance(
            "SB_MAC16", p_A_REG=Const(1, 1),
            p_A_SIGNED=Const(not unsigned, 1), p_B_SIGNED=Const(not unsigned, 1),
            i_CLK=ClockSignal(), i_CE=Const(1, 1), i_C=Const(0, 16), i_D=Const(0, 16),
            **{f"i_{port}": Const(0, 1) for port in low}, **connections)


def _extended(m, value, width, name):
    """`value` as `width` bits, with its sign if it has one."""
    wide = Signal(Shape(width, value.shape().signed), name=name)
    m.d.comb += wide.eq(value)
    return wide


#: Cells by the family of `hw.boards.devices.Board`.
CELLS = {"ecp5": Ecp5Cells(), "ice40": Ice40Cells()}
