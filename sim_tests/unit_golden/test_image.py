"""Memory images: every word by its format, and read by a core that knows nothing else."""

import dataclasses
import itertools

import numpy as np
import pytest

from golden.fixed import requantise
from golden.formats import LAYER, entry_format
from golden.network import SparseLayer, SparseNetwork
from golden.sparse.compute import run_network
from golden.sparse.decode import decode
from golden.sparse.geometry import SparseGeometry
from golden.sparse.image import (
    build_image,
    from_positions,
    pack_entries,
    plan_network,
    read_layer,
    to_positions,
    unpack_entries,
)
from hw.config import SparseConfig


def random_layer(rng, name, rows, columns, *, density=.2, index_width=4, **numbers):
    codes = rng.integers(1, 1 << index_width, size=(rows, columns))
    codes = np.where(rng.random((rows, columns)) < density, codes, 0).astype(np.uint8)
    codebook = rng.integers(-300, 300, size=1 << index_width).astype(np.int16)
    codebook[0] = 0
    numbers = {"multiplier": 1 << 31, "right_shift": 7, "low": -500} | numbers
    return SparseLayer(name, codes, codebook, rng.integers(-1000, 1000, rows).astype(np.int32),
                       **numbers)


def random_network(rng, *sizes, **options):
    return SparseNetwork(tuple(
        random_layer(rng, f"fc{number}", rows, columns, **options)
        for number, (columns, rows) in enumerate(itertools.pairwise(sizes))))


class ImageReader:
    """A core in Python integers that knows nothing but the memories of an image."""

    def __init__(self, image):
        self.image, self.geometry = image, image.geometry
        self.format = entry_format(index_width=self.geometry.index_width,
                                   run_width=self.geometry.run_width)
        self.words = [[sum(part << 32 * n for n, part in enumerate(word)) for word in words]
                      for words in image.entries.tolist()]
        self.pointers = image.pointers.tolist()

    def column(self, pe, pointer):
        """Local rows and weight indices of one column."""
        first, last = self.pointers[pe][pointer:pointer + 2]
        row, escaped = -1, False
        for entry in range(first, last):
            word, at = divmod(entry, self.geometry.word_entries)
            fields = self.format.unpack(
                self.words[pe][word] >> at * self.format.width & (1 << self.format.width) - 1)
            if self.geometry.escape and not fields["index"] and not escaped:
                row += (fields["run"] + 1) << self.geometry.run_width
                escaped = True
            else:
                row += fields["run"] + 1
                escaped = False
                yield row, fields["index"]

    def run(self, activations):
        """Outputs of each layer by position, and the saturations of each."""
        half = 1 << self.geometry.sum_width - 1
        outputs, saturations = [], []
        for words in self.image.layers.tolist():
            layer = LAYER.unpack(sum(word << 32 * n for n, word in enumerate(words)))
            groups = 1 << layer["groups_log2"]
            slots = self.geometry.pes // groups
            book = self.image.codebooks[layer["codebook"] << self.geometry.index_width:].tolist()
            biases = self.image.biases[layer["bias_base"]:].tolist()
            totals, count = biases[:layer["rows"]], 0
            for slot, group in itertools.product(range(slots), range(groups)):
                sums = [0] * len(range(slot, layer["rows"], slots))
                for bank in range(group, self.geometry.groups, groups):
                    for j in range(bank, layer["columns"], self.geometry.groups):
                        if not activations[j]:
                            continue
                        pe, pointer = slot * groups + group, layer["pointer_base"] + j // groups
                        for row, index in self.column(pe, pointer):
                            wide = sums[row] + book[index] * activations[j]
                            sums[row] = max(-half, min(wide, half - 1))
                            count += sums[row] != wide
                for row, total in enumerate(sums):
                    totals[row * slots + slot] += total
            scaled, shifted = requantise(totals, layer["multiplier"], layer["left_shift"],
                                         layer["right_shift"])
            activations = np.clip(scaled, layer["low"], layer["high"]).tolist()
            outputs.append(activations)
            saturations.append(count + shifted)
        return outputs, saturations


def test_images_compute_what_the_model_does():
    rng = np.random.default_rng(0)
    cases = saturated = 0
    for (pes, most), escape, balance, width in itertools.product(
            [(1, 1), (4, 2), (16, 4), (128, 1)], [False, True], [False, True], [17, 32]):
        for groups in (None, most, [1, most, 1]):
            geometry = SparseGeometry(
                pes=pes, groups=most, escape=escape, sum_width=width, run_width=2, index_width=5,
                word_entries=int(rng.choice([1, 2, 8, 16])))
            network = random_network(rng, 25, 37, 18, 10, index_width=5)
            image = build_image(network, geometry=geometry, groups=groups, balance=balance,
                                lanes=most)
            inputs = rng.integers(-500, 500, 25) * (rng.random(25) < .6)
            traces = run_network(network, inputs, geometry=geometry, groups=groups,
                                 balance=balance)
            outputs, saturations = ImageReader(image).run(inputs.tolist())
            for plan, trace, positions in zip(image.plans, traces, outputs, strict=True):
                assert from_positions(positions, plan.order).tolist() == trace.outputs.tolist()
                assert to_positions(trace.outputs, plan.order).tolist() == positions
            assert saturations == [trace.saturations for trace in traces]
            saturated += any(saturations)
            cases += 1
    assert cases == 96 and saturated > 20


def test_layout_of_the_memories():
    rng = np.random.default_rng(1)
    network = random_network(rng, 20, 33, 10, 7)
    first, second, third = network.layers
    short = dataclasses.replace(second, codebook=first.codebook[:9], codes=second.codes % 9)
    shared = dataclasses.replace(third, codebook=first.codebook)
    network = SparseNetwork((first, short, shared))
    geometry = SparseGeometry(pes=16, groups=2)
    image = build_image(network, geometry=geometry, groups=[1, 2, 1], lanes=4)

    layers = [LAYER.unpack(sum(int(w) << 32 * n for n, w in enumerate(words)))
              for words in image.layers]
    assert image.layers.shape == (3, 8) and image.layers.dtype == np.uint32
    # 21 pointers are followed by one to stay even, 18 are even, 11 are followed by one.
    assert [layer["pointer_base"] for layer in layers] == [0, 22, 40]
    assert image.pointers.shape == (16, 52) and image.pointers.dtype == np.uint32
    assert [layer["bias_base"] for layer in layers] == [0, 36, 48]
    assert image.biases.shape == (56,) and image.biases.dtype == np.int32
    assert [layer["codebook"] for layer in layers] == [0, 1, 0]
    assert image.codebooks.tolist() == [*first.codebook, *first.codebook[:9], *[0] * 7]
    assert image.codebooks.dtype == np.int16
    assert [layer["groups_log2"] for layer in layers] == [0, 1, 0]
    assert [(layer["columns"], layer["rows"]) for layer in layers] == [(20, 33), (33, 10), (10, 7)]
    for layer, fields, plan in zip(network.layers, layers, image.plans, strict=True):
        base = fields["bias_base"]
        assert image.biases[base:base + layer.rows].tolist() == layer.bias[plan.order].tolist()
        assert (fields["multiplier"], fields["left_shift"], fields["right_shift"]) == (
            layer.multiplier, layer.left_shift, layer.right_shift)
        assert (fields["low"], fields["high"]) == (layer.low, layer.high)
        assert (fields["saturate"], fields["reserved"], fields["padding"]) == (1, 0, 0)
    for before, after in itertools.pairwise(image.plans):
        assert after.input_order is before.order

    # Entries of a PE follow each other without a gap; the words end with the last.
    assert (np.diff(image.pointers.astype(int), axis=1) >= 0).all()
    assert (image.pointers[:, 0] == 0).all()
    used = image.pointers[:, -1].astype(int)
    assert image.entry_words.tolist() == (-(-used // 8)).tolist()
    assert image.entries.shape == (16, image.entry_words.max(), 2)
    for pe, words in enumerate(image.entry_words):
        assert not image.entries[pe, words:].any()

    needs = image.needs
    assert needs == {
        "entry_words": max(image.entry_words), "pointer_depth": 52, "accumulator_depth": 3,
        "activation_depth": 33, "bias_depth": 56, "codebook_count": 2, "layer_count": 3}
    assert needs.keys() <= {field.name for field in dataclasses.fields(SparseConfig)}


def test_layers_are_read_back():
    rng = np.random.default_rng(2)
    cases = 0
    for escape, groups, density in itertools.product([False, True], [1, 2, 4], [0, .02, .4]):
        network = random_network(rng, 9, 130, 50, 3, density=density)
        geometry = SparseGeometry(pes=16, groups=4, escape=escape, run_width=3)
        image = build_image(network, geometry=geometry, groups=groups)
        for index, layer in enumerate(network.layers):
            encoded, written = read_layer(image, index), image.encoded[index]
            for name in ("indices", "runs", "starts", "pointers"):
                np.testing.assert_array_equal(getattr(encoded, name), getattr(written, name))
            codes = decode(encoded)
            np.testing.assert_array_equal(
                from_positions(codes, image.plans[index].input_order), layer.codes)
            cases += 1
        assert image.entries.any() == (density > 0)
    assert cases == 54


def test_entries_are_packed_by_their_format():
    rng = np.random.default_rng(3)
    cases = 0
    for index_width, run_width, count in itertools.product(
            range(2, 9), range(1, 9), (1, 2, 4, 8, 16)):
        geometry = SparseGeometry(index_width=index_width, run_width=run_width, word_entries=count)
        fmt = entry_format(index_width=index_width, run_width=run_width)
        number = int(rng.integers(0, 50))
        indices = rng.integers(0, 1 << index_width, number)
        runs = rng.integers(0, 1 << run_width, number)
        words = pack_entries(indices, runs, geometry)
        assert words.dtype == np.uint32
        assert words.shape == (-(-number // count), -(-geometry.word_width // 32))
        packed = [fmt.pack(index=i, run=r) for i, r in zip(indices, runs, strict=True)]
        packed += [0] * (-number % count)
        for at, word in enumerate(words.tolist()):
            expected = sum(entry << n * fmt.width
                           for n, entry in enumerate(packed[at * count:(at + 1) * count]))
            assert sum(part << 32 * n for n, part in enumerate(word)) == expected
        read = unpack_entries(words, geometry)
        for values, written in zip(read, (indices, runs), strict=True):
            assert values.dtype == np.uint8 and len(values) == len(packed)
            np.testing.assert_array_equal(values[:number], written)
            assert not values[number:].any()
        cases += 1
    assert cases == 280


def change(**fields):
    """The middle one of three layers, changed."""
    def changed(network):
        first, second, third = network.layers
        return SparseNetwork((first, dataclasses.replace(second, **fields), third))
    return changed


BOOK = np.arange(16, dtype=np.int16)


@pytest.mark.parametrize("spoil, options, complaint", [
    (change(codebook=np.arange(17, dtype=np.int16)), {}, "'fc1'.*17 weights needs index_width=5"),
    (change(codebook=BOOK + np.int16(1)), {}, "'fc1': codebook entry 0 .* must be 0, not 1"),
    (change(codebook=BOOK[:5], codes=np.full((5, 8), 5, np.uint8)), {}, "'fc1': code 5 is beyond"),
    (change(codebook=BOOK.astype(float)), {}, "'fc1': its codebook must be .* not float64"),
    (change(codebook=BOOK.astype(int) * 3000), {}, "'fc1': weights from 0 to 45000 do not fit"),
    (change(codes=np.zeros((5, 8), int)), {}, "'fc1': codes must be a matrix of uint8"),
    (change(codes=np.zeros((5, 7), np.uint8)), {}, "'fc1': its 7 inputs are not the 8 outputs"),
    (change(codes=np.zeros((65536, 8), np.uint8)), {}, "'fc1': its 65536 rows .*: split it"),
    (change(codes=np.zeros((1, 65536), np.uint8)), {}, "'fc1': its 65536 columns .*: split it"),
    (change(bias=np.zeros(4, int)), {}, r"'fc1': its bias must be .* 5 rows, .* \(4,\)"),
    (change(bias=np.full(5, 1 << 31)), {}, "'fc1': biases .* do not fit 32 bits"),
    (change(multiplier=(1 << 31) + 1), {}, "'fc1': multiplier=2147483649"),
    (change(left_shift=32), {}, "'fc1': left_shift=32 is not from 0 to 31"),
    (change(right_shift=-1), {}, "'fc1': right_shift=-1"),
    (change(low=5, high=4), {}, "'fc1': the clamp from 5 to 4 is empty"),
    (change(high=32768), {}, "'fc1': the clamp .* does not fit activation_width=16"),
    (change(), {"groups": [1, 8, 1]}, "'fc1': .* groups=4, not 8"),
    (change(), {"groups": [1, 3, 1]}, "'fc1': .* not 3"),
    (change(), {"groups": [1, 1]}, "2 numbers of column groups for 3 layers"),
    (lambda network: SparseNetwork(()), {}, "at least one layer"),
])
def test_networks_are_checked(spoil, options, complaint):
    network = random_network(np.random.default_rng(4), 6, 8, 5, 3)
    geometry = SparseGeometry(pes=16, groups=4)
    build_image(network, geometry=geometry)
    with pytest.raises(ValueError, match=complaint):
        build_image(spoil(network), geometry=geometry, **options)


def test_given_plans_do_not_bypass_the_checks():
    network = random_network(np.random.default_rng(5), 6, 8, 5, 3)
    geometry = SparseGeometry(pes=16, groups=4)
    plans = plan_network(network, geometry, [4, 2, 1], balance=False)
    image = build_image(network, geometry=geometry, plans=plans)
    assert [encoded.groups for encoded in image.encoded] == [4, 2, 1]
    with pytest.raises(ValueError, match="'fc1': multiplier=-1"):
        build_image(change(multiplier=-1)(network), geometry=geometry, plans=plans)


def test_descriptors_that_overflow_are_refused():
    rng = np.random.default_rng(6)
    geometry = SparseGeometry(pes=4, groups=2)
    layers = [random_layer(rng, f"fc{n}", 3, 3) for n in range(17)]
    build_image(SparseNetwork(tuple(layers[:16])), geometry=geometry)
    with pytest.raises(ValueError, match="'fc16': its codebook would be 16, .*share codebooks"):
        build_image(SparseNetwork(tuple(layers)), geometry=geometry)

    def empty(name, rows, columns):
        return random_layer(rng, name, rows, columns, density=0)

    # Biases before d: 40000 + 1 + 40000.
    layers = (empty("a", 40000, 1), empty("b", 1, 40000), empty("c", 40000, 1),
              empty("d", 1, 40000))
    build_image(SparseNetwork(layers[:3]), geometry=geometry)
    with pytest.raises(ValueError, match="'d': its bias_base would be 80001, .*: load"):
        build_image(SparseNetwork(layers), geometry=geometry)
    # Pointers before d: 40002 + 2 + 40002, or half of that in two groups.
    layers = (empty("a", 1, 40000), empty("b", 40000, 1), empty("c", 1, 40000), empty("d", 1, 1))
    with pytest.raises(ValueError, match="'d': its pointer_base would be 80006, .* more column"):
        build_image(SparseNetwork(layers), geometry=geometry)
    image = build_image(SparseNetwork(layers), geometry=geometry, groups=2)
    assert image.needs["pointer_depth"] == 20002 + 2 + 20002 + 2
