"""EIE's layers on the cycle model: the cycles of the paper's core, and useful work of ours."""

import numpy as np
import pytest

from golden.models.eie_layers import EIE_LAYERS, draw_activity, draw_layer
from golden.sparse.cycles import layer_cycles
from golden.sparse.groups import choose_groups, encode_alone
from golden.sparse.losses import products, split_cycles
from scripts.bench.measure import geometric_mean, measure, measure_all
from scripts.bench.subjects import FC8, Subject, core_settings, has_fc8, load_subject
from scripts.progress import Steps

#: Cycles that the authors' simulator takes for the real layer with 64 processing elements, by
#: usable queue: rings of 2, 4, 8 and 16.
EIE_CYCLES = {1: 10194, 3: 8386, 7: 7926, 15: 7794}
#: Cycles of our pipeline from first activation to last sum that theirs does not count.
PIPELINE = 13

needs_fc8 = pytest.mark.skipif(
    not has_fc8(), reason="the real fc8 is not here: point WEFT_DATA at the folder that holds "
                          "eie/alexnet_fc8.npz")


@needs_fc8
def test_published_core_takes_the_papers_cycles_on_the_real_layer():
    subject = load_subject(FC8)
    config = core_settings("eie", 64).config
    encoded = encode_alone(subject.layer, config.geometry, balance=False)
    nonzero = subject.activations != 0
    for depth, cycles in EIE_CYCLES.items():
        cost = layer_cycles(encoded, nonzero, lanes=config.lanes, queue_depth=depth,
                            lookahead=False, lockstep=True, map_width=config.map_width)
        assert cost.cycles == cycles + PIPELINE, depth


@needs_fc8
def test_our_core_beats_it_on_the_real_layer():
    subject = load_subject(FC8)
    assert np.count_nonzero(subject.layer.codes[:, 1:]) == 1_051_032
    sums = subject.layer.weights.astype(np.int64) @ subject.activations
    assert sums.argmax() == 708
    ours = measure(subject, core_settings("weft", 64))
    assert ours.cycles <= 7330
    assert ours.useful >= .968


def test_drawn_layers_are_as_the_paper_says():
    for row in EIE_LAYERS:
        layer, activations = draw_layer(row), draw_activity(row, 0)
        assert layer.codes.shape == (row.rows, row.columns)
        counts = np.count_nonzero(layer.codes, axis=1)
        assert counts.mean() / row.columns == pytest.approx(row.weight_density, rel=.02)
        assert (activations != 0).mean() == pytest.approx(row.activation_density, rel=.06)
        assert counts.std() / counts.mean() > .12
        assert set(np.unique(layer.codes)) == set(range(16))
        assert not np.array_equal(activations != 0, draw_activity(row, 1) != 0) or (
            row.activation_density == 1)
        if row.columns * row.rows < 1_500_000:
            assert np.array_equal(draw_layer(row).codes, layer.codes)


@pytest.mark.parametrize("pes, left_out, eie, weft", [
    (64, (), .748, .975),
    # The largest three take as long as the others together; `weft bench sparse` has all of them.
    (256, ("alex-6", "alex-7", "vgg-6"), .524, .918),
])
def test_useful_work_on_the_layers(pes, left_out, eie, weft):
    names = [row.name for row in EIE_LAYERS if row.name not in left_out]
    configurations = [core_settings(preset, pes) for preset in ("eie", "weft")]
    found = measure_all(names, configurations, steps=Steps(quiet=True))
    published, ours = (geometric_mean(table) for table in found)
    assert published == pytest.approx(eie, abs=.002)
    assert ours >= weft
    for table in found:
        for item in table:
            parts = [getattr(item.losses, name) for name in
                     ("useful", "padding", "empty", "imbalance", "starvation")]
            assert sum(parts) == pytest.approx(1) and min(parts) >= 0
            assert item.losses.useful == pytest.approx(item.useful)


def test_losses_by_hand():
    """One PE with nothing, another with a column of two and an empty one."""
    codes = np.array([[0, 0], [1, 0], [0, 0], [1, 0]], dtype=np.uint8)
    subject = Subject(draw_layer(EIE_LAYERS[-1]), np.array([1, 1]), np.ones((1, 2), dtype=bool))
    layer = type(subject.layer)(**{**vars(subject.layer), "codes": codes,
                                   "bias": np.zeros(4, np.int32)})
    geometry = core_settings("eie", 2).config.geometry
    encoded = encode_alone(layer, geometry, balance=False)
    nonzero = np.array([True, True])
    cost = layer_cycles(encoded, nonzero, lanes=1, queue_depth=4, lookahead=False,
                        lockstep=True, map_width=2)
    losses = split_cycles(encoded, nonzero, cost, lookahead=False)
    assert products(codes, nonzero) == 2
    # PE 0 spends a cycle on each of two empty columns, PE 1 two on entries and one on a column.
    assert losses.useful * cost.cycles == pytest.approx(1)
    assert losses.empty * cost.cycles == pytest.approx(1.5)
    assert losses.imbalance * cost.cycles == pytest.approx(.5)
    assert losses.starvation * cost.cycles == pytest.approx(cost.cycles - 3)


def test_groups_are_chosen_by_cycles():
    row = EIE_LAYERS[6]                                     # short columns, all active
    layer = draw_layer(row)
    config = core_settings("weft", 64).config
    core = {"lanes": config.lanes, "queue_depth": config.queue_depth, "lookahead": True,
            "lockstep": False, "map_width": config.map_width}
    nonzero = (draw_activity(row, 1) != 0)[None]
    assert choose_groups(layer, nonzero, config.geometry, **core) == 4
    assert choose_groups(layer, nonzero, core_settings("eie", 64).config.geometry, **core) == 1
