"""`weft bench huffman`: what it prints and records. Speeds are not asserted: machines differ."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from scripts.bench import huffman
from scripts.errors import Mismatch
from scripts.progress import Steps


def test_table_and_records():
    result = huffman.bench(steps=Steps(quiet=True), count=20_000)
    names = [item.name for item in result.measured]
    assert names[:4] == ["indices, 6 bits", "indices, 8 bits", "runs", "uniform bytes"]
    assert names[-3:] == ["3 and 6 bits", "long codes", "long codes, others between"]
    for item, entry in zip(result.measured, result.records, strict=True):
        assert item.exact and entry["bit_exact"] and entry["bench"] == "huffman"
        assert entry["config"] == item.name and entry["symbols"] == item.symbols >= 20_000
        assert entry["encode_mb_s"] > 0 and entry["decode_mb_s"] > 0
        assert 1 <= entry["bits_huffman"] <= 15
    assert result.measured[3].bits == 8 and result.measured[-2].bits == 15
    text = io.StringIO()
    huffman.report(result, Console(file=text, width=120))
    assert "decode MB/s" in text.getvalue()
    wrong = replace(result, measured=[replace(result.measured[0], exact=False)])
    with pytest.raises(Mismatch, match="indices, 6 bits: what was decoded is not what"):
        huffman.report(wrong, Console(file=text, width=120))
