# amaranth: UnusedElaboratable=no

"""The cycle model against the RTL: equal cycles, equal counters, equal bits, at the paper's scale.

`execute` and `run_layer` compare total cycles and every counter of `golden.formats.Counter`; here
they do so for cores that are configured as `weft bench sparse` configures them, on layers that are
as skewed and as large as EIE's.
"""

import numpy as np
import pytest

from golden.formats import Counter
from golden.models.eie_layers import EIE_LAYERS, EieLayer, draw_activity, draw_layer
from scripts.bench.measure import measure
from scripts.bench.rtl import build_core, run_layer
from scripts.bench.subjects import FC8, Subject, core_settings, has_fc8, load_subject

pytestmark = pytest.mark.cosim

#: Of 16 elements, which build in a quarter of the time of 64 and have all that those have.
SMALL = 16
#: Layers of the paper that load fast, among them one of which half of the short columns are empty.
LAYERS = ("nt-we", "nt-lstm", "vgg-7")


def subject_of(row, seed):
    return Subject(draw_layer(row), draw_activity(row, seed),
                   np.stack([draw_activity(row, seed + 1) != 0]))


def random_rows(rng, count):
    for number in range(count):
        yield EieLayer(f"random-{number}", int(rng.integers(1, 700)), int(rng.integers(1, 900)),
                       float(rng.choice([.01, .05, .15, .5])), float(rng.choice([.05, .4, 1])),
                       1, 1)


@pytest.mark.parametrize("preset", ["eie", "weft"])
def test_model_equals_rtl(preset):
    settings = core_settings(preset, SMALL, groups=4)       # as published too
    simulator = build_core(settings)
    rng = np.random.default_rng(3)
    subjects = [subject_of(row, 0) for row in random_rows(rng, 6)]
    subjects += [load_subject(name) for name in LAYERS]
    ran, full, idle = 0, 0, 0
    for subject in subjects:
        for groups in [1 << n for n in range(settings.config.groups.bit_length())]:
            item = run_layer(simulator, subject, measure(subject, settings, groups=groups))
            item.rtl.check(f"{item.layer}, {groups} groups")
            assert item.rtl.counters[Counter.CYCLES] == item.cost.cycles
            full += item.rtl.counters[Counter.QUEUE_FULL] > 0
            idle += item.rtl.counters[Counter.BUSY] == 0
            ran += 1
    assert ran == 9 * 3
    assert full >= ran // 3 and idle < ran / 2


def test_layers_that_run_here_are_of_the_paper():
    assert set(LAYERS) < {row.name for row in EIE_LAYERS}


@pytest.mark.skipif(not has_fc8(), reason="the real fc8 is not here: point WEFT_DATA at the folder "
                                          "that holds eie/alexnet_fc8.npz")
@pytest.mark.parametrize("preset, cycles", [("eie", 7926 + 13), ("weft", 7330)])
def test_real_layer_on_64_elements(preset, cycles):
    """As published: the cycles of the authors' simulator, and 13 of our pipeline; ours: fewer."""
    settings = core_settings(preset, 64)
    subject, simulator = load_subject(FC8), build_core(settings)
    chosen = measure(subject, settings)
    for groups in [1 << n for n in range(settings.config.groups.bit_length())]:
        item = run_layer(simulator, subject, chosen if groups == chosen.groups
                         else measure(subject, settings, groups=groups))
        item.rtl.check(f"{item.layer}, {groups} groups")
        assert item.rtl.largest == 708
        if groups == chosen.groups:
            assert item.rtl.cycles == cycles if preset == "eie" else item.rtl.cycles <= cycles
