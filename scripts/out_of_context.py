"""A component alone on a device: ports without pins.

All inputs are held in registers that one serial pin fills, all outputs are caught in registers that
one serial pin empties. Inputs must be *enabled* holding registers: plain shift registers would be
merged with the pipelines behind them. The component stays a module of its own while it is
optimised, so that its area is exact; nextpnr's `--out-of-context` is no alternative, because it
routes the clock like any other signal.
"""

__all__ = ["OPTIONS", "WRAPPER", "script", "statistics", "wrapper"]

#: Name of the wrapping module.
WRAPPER = "out_of_context"

#: Options of Yosys' synthesis for a family of devices.
OPTIONS = {
    # A multiplexer of many words takes twice the LUT4s if it is to take the slices' own
    # multiplexers, and a comparison with a constant is smaller without a carry chain.
    "ecp5": "-nowidelut -cmp2softlogic",
    # UP5K: -device u has its timing; multipliers are only used when asked for.
    "ice40": "-device u -dsp",
}


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
  {name} dut (
{connected}
  );
endmodule
"""


def statistics():
    """Yosys command that writes ``area.json``: cells of each module, for the end of a synthesis."""
    return "tee -q -o area.json stat -json"


def script(family, name, sources):
    """Yosys script that writes ``area.json`` (cells of the component) and ``netlist.json``.

    Parameters
    ----------
    family : str
    name : str
        Module of the component.
    sources : sequence of str
        Files.

    Returns
    -------
    str
    """
    # The component is kept whole while it is counted; what is placed is flat.
    return "\n".join([
        *(f"read_verilog {source}" for source in sources),
        f"hierarchy -top {WRAPPER}",
        f"setattr -mod -set keep_hierarchy 1 {name}",
        f"synth_{family} {OPTIONS[family]} -top {WRAPPER}",
        statistics(),
        f"setattr -mod -unset keep_hierarchy {name}",
        "flatten",
        "clean",
        "write_json netlist.json",
    ]) + "\n"
