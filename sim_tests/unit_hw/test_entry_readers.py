# amaranth: UnusedElaboratable=no

"""Both entry readers against a parser of the entry formats, one entry at a time."""

import random

import pytest

from hw.sparse.entry_reader import EntryReader
from hw.sparse.fused_entry_reader import FusedEntryReader
from sim_tests.bench.simulate import simulate

WIDTHS = {"index_width": 4, "run_width": 4, "pointer_width": 10, "activation_width": 16}


def random_column(rng, length, *, escapes, zero_share):
    """Entries (index, run) of one column; the last is never an escape."""
    column = []
    for _ in range(length):
        follows = escapes and column and column[-1][0] == 0 and not parse_ends_plain(column)
        index = 0 if rng.random() < zero_share else rng.randint(1, 15)
        if escapes and len(column) == length - 1 and not follows:
            index = rng.randint(1, 15)
        column.append((index, rng.randint(0, 15)))
    return column


def parse_ends_plain(column):
    """Whether the last entry of `column` is a plain one, not an escape."""
    plain = True
    for index, _ in column:
        plain = not plain or index != 0
    return plain


def parse(column, *, escapes):
    """Operations (row, index) of a column, as `golden.formats.entry_format` defines them."""
    operations, row, skip = [], -1, None
    for index, run in column:
        if escapes and index == 0 and skip is None:
            skip = run + 1
            continue
        row += run + 1 + 16 * (skip or 0)
        operations.append((row, index))
        skip = None
    return operations


def run_reader(dut, columns, *, idle, seed):
    """Read the columns, laid out one after the other; return operations and escapes counted."""
    rng = random.Random(seed)
    entries, spans = [], []
    for column in columns:
        spans.append((len(entries), len(entries) + len(column) - 1))
        entries += column
    done, operations = [], []
    escapes = 0

    async def load(ctx):
        per_word = dut.word_entries
        padded = entries + [(0, 0)] * (-len(entries) % per_word)
        for word in range(len(padded) // per_word):
            ctx.set(dut.load, 1)
            ctx.set(dut.load_address, word)
            ctx.set(dut.load_data, [{"index": index, "run": run} for index, run
                                    in padded[word * per_word:(word + 1) * per_word]])
            await ctx.tick()
        ctx.set(dut.load, 0)
        for number, (first, last) in enumerate(spans):
            ctx.set(dut.columns.valid, 0)
            if wait := rng.randint(0, idle):
                await ctx.tick().repeat(wait)
            ctx.set(dut.columns.p.first, first)
            ctx.set(dut.columns.p.last, last)
            ctx.set(dut.columns.p.empty, last < first)
            words = last // dut.word_entries - first // dut.word_entries + 1
            ctx.set(dut.columns.p.single, words == 1)
            ctx.set(dut.columns.p.double, words == 2)
            ctx.set(dut.columns.p.activation, number - 3)
            ctx.set(dut.columns.valid, 1)
            await ctx.tick().until(dut.columns.ready)
        ctx.set(dut.columns.valid, 0)
        await ctx.tick().until(dut.idle)
        done.append(True)

    async def watch(ctx):
        nonlocal escapes
        row = -1
        while not done:
            _, _, valid, operation, count = await ctx.tick().sample(
                dut.valid, dut.operation, dut.escapes)
            escapes += count
            if valid:
                row = (-1 if operation.starts else row) + operation.skip + 1
                operations.append((row, operation.index, operation.activation))

    simulate(dut, load, watch, max_cycles=20_000)
    return operations, escapes


@pytest.mark.parametrize("idle", [0, 4])
@pytest.mark.parametrize("word_entries", [1, 2, 8, 16])
@pytest.mark.parametrize("output_registers", [True, False])
def test_published_reader(output_registers, word_entries, idle):
    rng = random.Random(word_entries)
    dut = EntryReader(words=1024 // word_entries, word_entries=word_entries, **WIDTHS,
                      output_registers=output_registers)
    columns = [random_column(rng, rng.choice([0, 1, 2, 3, 9, 20]), escapes=False, zero_share=.2)
               for _ in range(80)]
    operations, escapes = run_reader(dut, columns, idle=idle, seed=1)
    assert escapes == 0
    assert operations == [(row, index, number - 3) for number, column in enumerate(columns)
                          for row, index in parse(column, escapes=False)]
    assert len(operations) > 300


@pytest.mark.parametrize("idle", [0, 4])
@pytest.mark.parametrize("zero_share", [0, .3, .8])
@pytest.mark.parametrize("word_entries", [2, 4, 8, 16])
def test_fused_reader(word_entries, zero_share, idle):
    rng = random.Random(word_entries)
    dut = FusedEntryReader(words=1024 // word_entries, word_entries=word_entries, **WIDTHS)
    columns = [random_column(rng, rng.choice([1, 1, 2, 3, 9, 20]), escapes=True,
                             zero_share=zero_share) for _ in range(80)]
    operations, escapes = run_reader(dut, columns, idle=idle, seed=1)
    assert operations == [(row, index, number - 3) for number, column in enumerate(columns)
                          for row, index in parse(column, escapes=True)]
    assert escapes == sum(map(len, columns)) - len(operations)
    assert len(operations) > 200


def test_fused_reader_drops_a_trailing_escape():
    dut = FusedEntryReader(words=8, word_entries=4, **WIDTHS)
    columns = [[(3, 0), (5, 2), (7, 0), (0, 15)], [(1, 1)], [(2, 0), (0, 4)], [(9, 0)]]
    operations, escapes = run_reader(dut, columns, idle=0, seed=1)
    assert operations == [(0, 3, -3), (3, 5, -3), (4, 7, -3), (1, 1, -2), (0, 2, -1), (0, 9, 0)]
    assert escapes == 2


def test_words_of_one_entry_cannot_hold_a_pair():
    with pytest.raises(ValueError, match="at least 2, not 1"):
        FusedEntryReader(words=8, word_entries=1, **WIDTHS)


@pytest.mark.parametrize("reader", [EntryReader, FusedEntryReader])
def test_columns_may_be_loaded_behind_the_one_that_is_read(reader):
    """The word after the last of a column is the host's to write at any time."""
    dut = reader(words=4, word_entries=2, **WIDTHS)
    offered = {"first": 0, "last": 1, "empty": 0, "single": 1, "double": 0, "activation": 1}

    async def bench(ctx):
        for _ in range(3):
            ctx.set(dut.load, 1)
            ctx.set(dut.load_address, 0)
            ctx.set(dut.load_data, [{"index": 1, "run": 0}] * 2)
            await ctx.tick()
            ctx.set(dut.load_address, 1)
            ctx.set(dut.columns.payload, offered)
            ctx.set(dut.columns.valid, 1)
            await ctx.tick().until(dut.columns.ready)
            ctx.set(dut.columns.valid, 0)
            issued = 0
            for _ in range(6):      # an assertion of the memory would fail
                _, _, valid = await ctx.tick().sample(dut.valid)
                issued += valid
            assert issued == 2 and ctx.get(dut.idle)

    simulate(dut, bench)


@pytest.mark.parametrize("reader", [EntryReader, FusedEntryReader])
@pytest.mark.parametrize("first, last", [(3, 8), (0, 15), (6, 1), (7, 14)])
def test_pointers_that_are_wrong_do_not_hang(reader, first, last):
    """A host may load nonsense: results are nonsense then, but the reader ends."""
    dut = reader(words=4, word_entries=2, **{**WIDTHS, "pointer_width": 4})

    async def bench(ctx):
        ctx.set(dut.columns.payload, {"first": first, "last": last, "empty": 0,
                                      "single": first // 2 % 4 == last // 2 % 4,
                                      "double": (first // 2 + 1) % 4 == last // 2 % 4,
                                      "activation": 1})
        ctx.set(dut.columns.valid, 1)
        await ctx.tick().until(dut.columns.ready)
        ctx.set(dut.columns.valid, 0)
        await ctx.tick().until(dut.idle)

    simulate(dut, bench, max_cycles=100)
