"""Parameters of the generated hardware.

A parameter that changes any result bit is declared to the golden model too (through `geometry`);
one that changes only cycles, area or clock rate lives here alone. Components take the few numbers
they need as keyword arguments; only tops and scripts see a whole configuration.
"""

import dataclasses
from dataclasses import dataclass

from golden.formats import MAX_WRITE_WORDS
from golden.sparse.geometry import IN_FLIGHT, SparseGeometry
from golden.systolic.geometry import DenseGeometry

__all__ = ["DENSE_PRESETS", "PRESETS", "DenseConfig", "SparseConfig"]


@dataclass(frozen=True, kw_only=True)
class SparseConfig(SparseGeometry):
    """The sparse core: the geometry of its encoding, and what only costs cycles or area.

    Parameters
    ----------
    lanes : int
        Outputs that leave the accumulators per cycle: a power of two, `groups` <= `lanes` <=
        `pes` / `groups`.
    queue_depth : int
        Columns that the queue of a processing element holds.
    lookahead : bool
        Drop empty columns before the queue; otherwise each costs its PE a cycle, as published.
    lockstep : bool
        The broadcast stops in the very cycle in which a column meets a full queue, as published.
        Otherwise it stops in good time, while there still is room for what is on its way: that
        takes deeper queues, but no signal has to cross the whole array and back in a cycle.
    entry_words : int
        Words of `word_entries` entries in the memory of a PE.
    pointer_depth : int
        Pointers in the memory of a PE, even.
    accumulator_depth : int
        Rows of a PE, a power of two.
    activation_depth : int
        Positions in each of the two activation memories.
    bias_depth : int
        Biases of all layers together.
    codebook_count : int
        Codebooks of 2**index_width weights, at most 16.
    layer_count : int
        Layer descriptors.
    map_width : int
        Activations that the leading non-zero detector looks at in one cycle.
    output_registers : bool
        Block RAM has registers of its own behind it, as in an ECP5. Otherwise the stages of the
        pipeline that are there for them are moved to where they cost less; the cycles are the same.
    """

    lanes: int = 1
    queue_depth: int = 8
    lookahead: bool = True
    lockstep: bool = True
    entry_words: int = 512
    pointer_depth: int = 512
    accumulator_depth: int = 64
    activation_depth: int = 256
    bias_depth: int = 256
    codebook_count: int = 4
    layer_count: int = 8
    map_width: int = 16
    output_registers: bool = True

    def __post_init__(self):
        super().__post_init__()
        for name in ("lanes", "word_entries", "accumulator_depth", "activation_depth", "map_width",
                     "codebook_count", "layer_count"):
            value = getattr(self, name)
            if value < 1 or value.bit_count() != 1:
                raise ValueError(f"{name} must be a power of two, not {value}")
        if self.escape and not self.lookahead:
            raise ValueError("escape=True needs lookahead=True: the reader of escapes takes no "
                             "empty columns")
        if self.escape and self.word_entries < 2:
            raise ValueError(f"escape=True needs words of 2 entries at least, not word_entries="
                             f"{self.word_entries}: an escape and its follower are read together")
        for name, low in (("queue_depth", 1), ("entry_words", 1), ("pointer_depth", 2),
                          ("bias_depth", self.lanes)):
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be at least {low}, not {getattr(self, name)}")
        if not self.lockstep and self.queue_depth < IN_FLIGHT:
            raise ValueError(f"queue_depth must be at least {IN_FLIGHT} with lockstep=False, not "
                             f"{self.queue_depth}: so many columns may be on their way")
        if self.pointer_depth % 2:
            raise ValueError(f"pointer_depth must be even, not {self.pointer_depth}")
        if self.bias_depth % self.lanes:
            raise ValueError(f"bias_depth={self.bias_depth} must be a multiple of "
                             f"lanes={self.lanes}")
        if self.codebook_count > 16:
            raise ValueError(f"codebook_count must be at most 16, not {self.codebook_count}")
        if self.activation_depth < self.map_width * self.groups:
            raise ValueError(f"activation_depth={self.activation_depth} must be at least map_width "
                             f"times groups, {self.map_width * self.groups}")
        if self.map_width < self.lanes // self.groups:
            raise ValueError(f"map_width={self.map_width} must be at least lanes/groups="
                             f"{self.lanes // self.groups}")
        if not self.groups <= self.lanes <= self.pes // self.groups:
            raise ValueError(f"lanes={self.lanes} must be at least groups={self.groups} and at "
                             f"most pes/groups={self.pes // self.groups}")

    @property
    def geometry(self):
        """The part that the golden model needs."""
        names = [field.name for field in dataclasses.fields(SparseGeometry)]
        return SparseGeometry(**{name: getattr(self, name) for name in names})

    def replace(self, **changes):
        """Copy with some parameters changed; the copy is checked as the original was."""
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True, kw_only=True)
class DenseConfig(DenseGeometry):
    """The dense core: what its programs depend on, and what only costs cycles or area.

    Parameters
    ----------
    host_depth : int
        Words that the host may send ahead of Read_Host_Memory: a power of two, 16 to 65536.
    watchdog_log2 : int
        An instruction that waits 2**watchdog_log2 cycles for the host ends the run.
    shift_multipliers : bool
        Requantisation shifts by multipliers too, 8 instead of 4 a lane; saves look-up tables where
        there are multipliers to spare, and costs no cycle.
    serial_output : bool
        Results are requantised bit by bit, one at a time, without a multiplier; `lanes` must be 1.
    """

    host_depth: int = 512
    watchdog_log2: int = 28
    shift_multipliers: bool = True
    serial_output: bool = False

    def __post_init__(self):
        super().__post_init__()
        if not 16 <= self.host_depth <= 65536 or self.host_depth.bit_count() != 1:
            raise ValueError(f"host_depth must be a power of two from 16 to 65536, not "
                             f"{self.host_depth}")
        if self.weight_depth * self.weight_words > MAX_WRITE_WORDS:
            raise ValueError(f"weight_depth must be at most "
                             f"{MAX_WRITE_WORDS // self.weight_words} with {self.weight_words} "
                             f"words a row, not {self.weight_depth}")
        if not 4 <= self.watchdog_log2 <= 40:
            raise ValueError(f"watchdog_log2 must be from 4 to 40, not {self.watchdog_log2}")
        if self.serial_output and self.lanes > 1:
            raise ValueError(f"serial_output=True needs lanes=1, not {self.lanes}: the time that a "
                             f"result takes depends on its channel")

    @property
    def pes(self):
        """Processing elements."""
        return self.rows * self.columns

    @property
    def geometry(self):
        """The part that the golden model needs."""
        names = [field.name for field in dataclasses.fields(DenseGeometry)]
        return DenseGeometry(**{name: getattr(self, name) for name in names})

    def replace(self, **changes):
        """Copy with some parameters changed; the copy is checked as the original was."""
        return dataclasses.replace(self, **changes)


def _presets():
    weft = SparseConfig(escape=True, lookahead=True, queue_depth=32, lockstep=False)
    return {
        # The paper's core: padding entries, empty columns that cost a cycle, a ring of 8.
        "eie": SparseConfig(escape=False, lookahead=False, queue_depth=7),
        # Ours, as small as the paper's.
        "weft": weft,
        # 16 elements for an ECP5-85F. A queue of 16 is as deep as its distributed RAM.
        "ulx3s": weft.replace(
            queue_depth=16, pes=16, groups=4, lanes=4, entry_words=1024, pointer_depth=1024,
            accumulator_depth=256, activation_depth=1024, bias_depth=1024),
        # 4 elements for an iCE40 UP5K: all 30 block RAMs, and queues of flip-flops, of which a
        # second place for each would be too many.
        "icebreaker": SparseConfig(
            escape=False, lookahead=True, queue_depth=1, word_entries=2, entry_words=256,
            pointer_depth=256, accumulator_depth=16, activation_depth=64, bias_depth=128,
            layer_count=4, output_registers=False),
    }


#: Named configurations, selected by `--config`.
PRESETS = _presets()

#: Named configurations of the dense core.
DENSE_PRESETS = {"dense": DenseConfig()}
