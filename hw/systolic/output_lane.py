"""From a sum to the element that is written: one lane of the activation unit."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..common.channel_output_stage import ChannelOutputStage
from ..common.pipeline import delay, register
from ..common.serial_output_stage import SerialOutputStage
from .function_table import FunctionTable
from .sigmoid_interpolator import SigmoidInterpolator

__all__ = ["OutputLane"]


class OutputLane(wiring.Component):
    """Bias, requantisation and clamp, then the zero point and the function::

        element = function(clamp(requantise(sum + bias), low, high) + zero_point)

    with the sum behind the clamp modulo 2**`activation_width`, as a signed number.

    Timing: a result `latency` cycles after its sum, and with `serial_output` as many more as the
    shifts of its channel; constants as `delays` says. No back-pressure.

    Parameters
    ----------
    config : hw.config.DenseConfig

    Attributes
    ----------
    latency : int
    result_cycles : int
        The part of it behind `taken`.
    delays : dict of str to int
    shift_width : int
        See `ChannelOutputStage`.

    Members
    -------
    input_valid : In(1)
    sum : In(signed(33))
    bias, multiplier, left_shift, right_shift : In
        Of the channel, see `golden.formats.PARAMETER`.
    low, high, zero_point, selection : In
        Of the instruction: stable while sums are under way.
    taken : Out(1)
        With `serial_output`: the next sum may come from now on.
    coming : Out(1)
        `output_valid` of the next cycle.
    output_valid : Out(1)
    element : Out(signed(activation_width))
    saturated : Out(2)
        Saturations of a result, `result_cycles` before it; 0 otherwise.
    load, load_address, load_data : In
        Write the function's table, see `FunctionTable` and `SigmoidInterpolator`.
    """

    def __init__(self, config):
        self.config = config
        widths = {"sum_in_width": 33, "activation_width": config.centred_width}
        self._stage = (SerialOutputStage(**widths) if config.serial_output else
                       ChannelOutputStage(**widths, shift_multipliers=config.shift_multipliers))
        self._function = None
        if config.function_tables:
            self._function = (SigmoidInterpolator() if config.activation_width == 16 else
                              FunctionTable(width=config.activation_width,
                                            tables=config.function_tables))
        self.delays = self._stage.delays
        self.shift_width = self._stage.shift_width
        self.result_cycles = 1 + (self._function.latency if self._function else 0)
        self.latency = self._stage.latency + self.result_cycles
        super().__init__({
            "input_valid": In(1),
            "sum": In(signed(33)),
            "bias": In(signed(32)),
            "multiplier": In(32),
            "left_shift": In(self.shift_width),
            "right_shift": In(self.shift_width),
            "low": In(signed(config.centred_width)),
            "high": In(signed(config.centred_width)),
            "zero_point": In(signed(config.activation_width)),
            "selection": In(3),
            "taken": Out(1),
            "coming": Out(1),
            "output_valid": Out(1),
            "element": Out(signed(config.activation_width)),
            "saturated": Out(2),
            "load": In(1),
            "load_address": In(24),
            "load_data": In(32),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.stage = stage = self._stage
        m.d.comb += [getattr(stage, name).eq(getattr(self, name)) for name in (
            "input_valid", "sum", "bias", "multiplier", "left_shift", "right_shift", "low", "high")]
        m.d.comb += [self.taken.eq(stage.output_valid), self.saturated.eq(stage.saturated)]

        moved = (stage.payload + self.zero_point)[:self.config.activation_width]
        element = register(m, moved.as_signed(), "moved")
        if self._function:
            m.submodules.function = function = self._function
            m.d.comb += [
                function.selection.eq(self.selection),
                function.argument.eq(element),
                function.load.eq(self.load),
                function.load_address.eq(self.load_address),
                function.load_data.eq(self.load_data),
            ]
            element = function.result
        m.d.comb += self.element.eq(element)

        m.d.comb += self.coming.eq(
            delay(m, stage.output_valid, self.result_cycles - 1, "valid", resets=True))
        m.d.sync += self.output_valid.eq(self.coming)

        return m
