"""A component alone on a device: ports without pins.

All inputs are held in registers that one serial pin fills, all outputs are caught in registers that
one serial pin empties. Inputs must be *enabled* holding registers: plain shift registers would be
merged with the pipelines behind them. The component stays a module of its own while it is
optimised, so that its area is exact; nextpnr's `--out-of-context` is no alternative, because it
routes the clock like any other signal.
"""

__all__ = ["AFTER", "BEFORE", "INSTANCE", "OPTIONS", "WRAPPER", "script", "statistics", "wrapper"]

#: Name of the wrapping module.
WRAPPER = "out_of_context"

#: Name of the component in it.
INSTANCE = "dut"

#: Options of Yosys' synthesis for a family of devices.
OPTIONS = {
    # A multiplexer of many words takes twice the LUT4s if it is to take the slices' own
    # multiplexers, and a comparison with a constant is smaller without a carry chain.
    "ecp5": "-nowidelut -cmp2softlogic",
    # UP5K: -device u has its timing; multipliers are only used when asked for.
    "ice40": "-device u -dsp",
}

# The ice40_dsp pass of yosys 0.70 takes a SB_MAC16 that is there already for one of its own, and
# turns off the registers that it has not found itself: products then come too early, and sums of
# them are wrong. So it gets to see them under another name.
_HIDDEN = "OWN_MAC16"

#: Yosys commands before and after the synthesis for a family.
BEFORE = {"ecp5": (
    # Of ABC's scripts the one that leaves the fewest look-up tables; what is faster than 3 ns, by
    # delays that know little of wires, need not be faster still.
    "scratchpad -copy abc9.script.flow2 abc9.script", "scratchpad -set abc9.D 3000",
), "ice40": (
    "read_verilog -lib +/ice40/cells_sim.v", f"rename SB_MAC16 {_HIDDEN}",
    f"chtype -set {_HIDDEN} t:SB_MAC16")}
AFTER = {"ecp5": (), "ice40": (f"chtype -set SB_MAC16 t:{_HIDDEN}",)}


def wrapper(name, ports, *, clocked=True):
    """Verilog of the wrapper of a module.

    Parameters
    ----------
    name : str
        The module.
    ports : list of (str, str, int)
        Its ports but `clk`: name, ``i`` or ``o``, width in bits.
    clocked : bool
        It has a clock.

    Returns
    -------
    str
    """
    offset = {"i": 0, "o": 0}
    connections = ["    .clk(clk)"] if clocked else []
    for port, direction, width in ports:
        if width:
            bus = "held" if direction == "i" else "outputs"
            start = offset[direction]
            connections.append(f"    .{port}({bus}[{start + width - 1}:{start}])")
            offset[direction] += width
    inputs, outputs = max(2, offset["i"]), max(2, offset["o"])
    connected = ",\n".join(connections)
    return f"""\
module {WRAPPER}(input wire clk, input wire serial_in, input wire load, input wire capture,
                 output wire serial_out);
  reg [{inputs - 1}:0] shift_in, held;
  wire [{outputs - 1}:0] outputs;
  reg [{outputs - 1}:0] caught, shift_out;
  always @(posedge clk) begin
    shift_in <= {{shift_in[{inputs - 2}:0], serial_in}};
    if (load)
      held <= shift_in;
    caught <= outputs;
    shift_out <= capture ? caught : {{shift_out[{outputs - 2}:0], 1'b0}};
  end
  assign serial_out = shift_out[{outputs - 1}];
  {name} {INSTANCE} (
{connected}
  );
endmodule
"""


def statistics():
    """Yosys command that writes ``area.json``: cells of each module, for the end of a synthesis."""
    return "tee -q -o area.json stat -json"


def script(family, name, sources, *, unused=()):
    """Yosys script that writes ``area.json`` (cells of the component) and ``netlist.json``.

    Parameters
    ----------
    family : str
    name : str
        Module of the component.
    sources : sequence of str
        Files.
    unused : sequence of str
        Inputs of the component that are always 0, and not connected by the wrapper.

    Returns
    -------
    str
    """
    # The component is kept whole while it is counted; what is placed is flat.
    return "\n".join([
        *(f"read_verilog {source}" for source in sources),
        # Within the component, which is to be optimised as if they were not there.
        *(command for port in unused for command in (
            f"proc {name}", f"cd {name}", f"delete -input w:{port}",
            f"connect -nounset -set {port} 1'0", "cd")),
        *BEFORE[family],
        f"hierarchy -top {WRAPPER}",
        f"setattr -mod -set keep_hierarchy 1 {name}",
        f"synth_{family} {OPTIONS[family]} -top {WRAPPER}",
        *AFTER[family],
        statistics(),
        f"setattr -mod -unset keep_hierarchy {name}",
        "flatten",
        "clean",
        "write_json netlist.json",
    ]) + "\n"
