"""`weft bench compress -n squeezenet`: sizes, records, and what is said without the file."""

import io

import pytest
from rich.console import Console

from golden.models.squeezenet import preprocess
from scripts.bench import compress, squeezenet
from scripts.errors import UsageError
from scripts.progress import Steps
from sim_tests.bench.squeezenet_data import needs_squeezenet


@needs_squeezenet
def test_sizes_and_agreement(monkeypatch):
    # One view of each image instead of ten.
    monkeypatch.setattr(squeezenet, "views", lambda pixels: preprocess(pixels)[None])
    found = compress.bench(["squeezenet"], steps=Steps(quiet=True))
    assert not found.networks and found.left_out is None
    result = found.squeezenet
    assert (result.images, result.inputs) == (7, 7)
    sizes = {stage.name: stage.total.bytes for stage in result.stages}
    assert list(sizes) == list(squeezenet.STAGES)
    assert sizes["published"] == 675_763 and sizes["Huffman"] == 542_825
    assert sizes["6 bits"] <= 470_000 and sizes["6 bits, Huffman"] <= 376_000
    assert all(size <= squeezenet.STAGES[name] for name, size in sizes.items())
    for stage in result.stages:
        assert len(stage.layers) == 26
        # Of what is not a layer's: the counts of entries; magic and checksum.
        rest = stage.total.bytes - sum(size.bytes for size in stage.layers)
        assert rest == (4 * 26 if stage.name == "published" else 8)
        assert stage.total.weights == 1_244_448
        lossless = stage.total.bits == 8
        assert stage.agreement == 1 if lossless else 0.5 < stage.agreement < 1
    records = [entry for entry in found.records if entry["layer"] == "all"]
    assert [entry["bytes"] for entry in records] == list(sizes.values())
    for entry in records:
        assert entry["network"] == "squeezenet" and entry["inputs"] == 7
        assert {"weights", "kept", "bits", "bits_huffman", "run_bits", "ratio",
                "agreement"} <= entry.keys()
    assert len(found.records) == 4 * 27
    text = io.StringIO()
    compress.report(found, Console(file=text, width=120))
    for number in ("675,763", "542,825", "556,569", "fire7/conv1x1_2"):
        assert number in text.getvalue()


def test_without_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("WEFT_DATA", str(tmp_path))
    with pytest.raises(UsageError, match="set WEFT_DATA to the folder that holds squeezenet"):
        compress.bench(["squeezenet"], steps=Steps(quiet=True))
    with pytest.raises(UsageError, match="did you mean squeezenet"):
        compress.bench(["sqeezenet"], steps=Steps(quiet=True))
    (tmp_path / "squeezenet").mkdir()
    (tmp_path / "squeezenet" / "compressed_SqueezeNet.net").write_bytes(bytes(1000))
    with pytest.raises(UsageError, match="entries at byte 0: conv1 has from 1 to 14112, not 0"):
        compress.bench(["squeezenet"], steps=Steps(quiet=True))
