"""What each idea of the sparse core gives: from EIE as published to ours, one after the other."""

from dataclasses import dataclass

from golden.models.eie_layers import EieLayer, draw_activity, draw_layer

from ..settings import Settings, configuration
from .measure import measure
from .subjects import Subject

__all__ = ["Rung", "Run", "ladder", "layers_for"]

#: What all rungs have in common: memories that suit the preset ulx3s, and hold either layer.
_MEMORIES = {"entry_words": 1024, "pointer_depth": 1024, "accumulator_depth": 256,
             "activation_depth": 1024, "bias_depth": 1024}


@dataclass(frozen=True)
class Run:
    """What a layer takes.

    Parameters
    ----------
    layer : str
    cycles : int
        Of its matrix times vector.
    useful : float
        Non-zero weights times non-zero activations / processing elements / cycles.
    """

    layer: str
    cycles: int
    useful: float


@dataclass(frozen=True, eq=False)
class Rung:
    """A configuration with one idea more than the one before it, and what layers take on it.

    Parameters
    ----------
    idea : str
    settings : Settings
    runs : tuple of Run
    """

    idea: str
    settings: Settings
    runs: tuple[Run, ...]


def layers_for(pes):
    """The layers that cores of `pes` processing elements (PEs) run, always the same.

    They are as large for each PE as its memories hold, or as short as EIE's shortest, and have the
    densities and the skew of EIE's benchmark.

    Returns
    -------
    tuple of EieLayer
        Without published times. ``long``: 64 rows a PE, dense as AlexNet's seventh layer.
        ``short``: 10 rows a PE, as NeuralTalk's We at 64 PEs, so many columns are empty.
    """
    return (EieLayer(f"long-{pes}", 1000, 64 * pes, .09, .353, 0., 0.),
            EieLayer(f"short-{pes}", 1000, 10 * pes, .10, 1., 0., 0.))


def ladder(pes, *, steps):
    """Configurations of the sparse core with `pes` processing elements, and their cycles.

    Parameters
    ----------
    pes : int
        A power of two.
    steps : scripts.progress.Steps

    Returns
    -------
    list of Rung
        The first is the preset ``eie``, the last the preset ``weft`` with shorter queues, both with
        larger memories; with 16 elements the last is the preset ``ulx3s``.
    """
    groups = 1 if pes < 4 else 2 if pes < 16 else 4
    common = {**_MEMORIES, "pes": pes, "lanes": groups}
    ideas = [
        ("eie: as published", "eie", {}),
        ("+ look-ahead", "lookahead", {"lookahead": True}),
        ("+ escapes, fused", "escape", {"escape": True}),
        ("+ queue of 16", "queue", {"queue_depth": 16}),
        *([(f"+ {groups} column groups", "groups", {"groups": groups})] if groups > 1 else []),
        ("+ no lock step", "elastic", {"lockstep": False}),
    ]
    subjects = [Subject(draw_layer(row), draw_activity(row, 0), draw_activity(row, 1)[None] != 0)
                for row in layers_for(pes)]
    rungs = []
    with steps.step(f"Modelling {len(ideas)} configurations of {pes} PEs",
                    total=len(ideas)) as advance:
        for idea, name, changes in ideas:
            common |= changes
            last = len(rungs) == len(ideas) - 1
            settings = Settings(f"{'weft' if last else name}-pes{pes}",
                                configuration("eie", **common).config)
            found = [measure(subject, settings) for subject in subjects]
            rungs.append(Rung(f"{idea}: weft" if last else idea, settings, tuple(
                Run(item.layer, item.cycles, item.useful) for item in found)))
            advance()
    return rungs
