"""The cores that `weft bench energy` compares: their memories, and what a layer costs on them."""

from dataclasses import dataclass

from golden.energy.cores import EIE_MEMORIES, SparseMemories, dense_events, sparse_events
from golden.energy.events import energy_by_part, total_energy
from golden.sparse.geometry import WORDS_AHEAD
from hw.sparse.column_queue import column_layout

__all__ = ["CORES", "Energies", "dense_cores", "memories_of", "sparse_cores"]

#: Columns of the table, and labels of the records.
CORES = ("dense-fp32", "dense-int8", "dense-int8-sram", "eie", "weft")


@dataclass(frozen=True, eq=False)
class Energies:
    """One layer on every core.

    Parameters
    ----------
    layer : str
    rows, columns : int
        Of the matrix; of a convolution: filters, and weights of a filter.
    events : dict of str to list
        By the name of the core.
    """

    layer: str
    rows: int
    columns: int
    events: dict

    def energy(self, core):
        """In nJ."""
        return total_energy(self.events[core]) / 1e3

    def parts(self, core):
        """In nJ, by part."""
        return {part: energy / 1e3 for part, energy in energy_by_part(self.events[core]).items()}


def memories_of(config):
    """Memories of one of our cores, for the model.

    Entries and pointers have as many bytes as EIE's, so that what is compared is not the size
    that this bench happens to need; the rest is as configured.

    Parameters
    ----------
    config : hw.config.SparseConfig

    Returns
    -------
    SparseMemories
    """
    pointer_width = (config.entry_words * config.word_entries - 1).bit_length()
    # A word, which of its entries are 0, and its column: first and last entry in the word, whether
    # it starts and ends there, and the activation.
    waiting_width = config.word_width + config.word_entries + 2 * (
        config.word_entries - 1).bit_length() + 2 + config.activation_width if config.escape else 0
    queue_width = column_layout(
        pointer_width=pointer_width, activation_width=config.activation_width).size
    return SparseMemories(
        pes=config.pes, entries=EIE_MEMORIES.entries, entry_width=config.word_width,
        pointers=EIE_MEMORIES.pointers, pointer_width=pointer_width,
        codebook=config.codebook_count * (config.weight_width << config.index_width) // 8,
        weight_width=config.weight_width,
        accumulators=config.accumulator_depth * config.sum_width // 8, sum_width=config.sum_width,
        queue=-(-config.queue_depth * queue_width // 8), queue_width=queue_width,
        activations=config.activation_depth // config.groups * config.activation_width // 8,
        activation_width=config.activation_width, activation_banks=2 * config.groups,
        waiting=WORDS_AHEAD * waiting_width // 8, waiting_width=waiting_width)


def dense_cores(rows, columns, *, positions=1):
    """Events of a layer on the dense cores, by their names; see `dense_events`."""
    return {
        "dense-fp32": dense_events(rows, columns, width=32, floating=True, positions=positions),
        "dense-int8": dense_events(rows, columns, width=8, positions=positions),
        "dense-int8-sram": dense_events(rows, columns, width=8, dram=False, positions=positions),
    }


def sparse_cores(rows, config, counted):
    """Events of a layer on the sparse cores, by their names.

    Parameters
    ----------
    rows : int
        Outputs, of all positions.
    config : hw.config.SparseConfig
        Of weft; EIE has its own memories, as published, and the benefit of the doubt for its
        reader, which keeps its last word.
    counted : dict of str to dict
        For each core its arguments `columns`, `groups`, `busy` and `reads` of `sparse_events`.

    Returns
    -------
    dict of str to list
    """
    return {core: sparse_events(memories, rows=rows, keeps_word=keeps, **counted[core])
            for core, memories, keeps in (("eie", EIE_MEMORIES, True),
                                          ("weft", memories_of(config), False))}
