"""hw/README.md says of instructions, registers, memories and numbers what is declared."""

import re
from pathlib import Path

import pytest
from amaranth.hdl import Fragment

from golden.formats import (
    COMMAND,
    DENSE_IDENTITY,
    INSTRUCTIONS,
    PARAMETER,
    REGISTERS,
    RESPONSE,
    Counter,
    DenseCounter,
    DenseMemory,
    Fault,
    Memory,
    Opcode,
    Operation,
    Register,
    Status,
)
from golden.systolic.assembler import assemble
from golden.systolic.instructions import decode
from hw.config import DENSE_PRESETS
from hw.systolic.core import DenseCore

_README = (Path(__file__).parents[2] / "hw" / "README.md").read_text()
#: What carries no information.
_SILENT = ("operation", "unused", "reserved")


def section(title):
    """Text below a heading, up to the next one."""
    return re.split(rf"^#+ {title}$", _README, flags=re.M)[1].split("\n#")[0]


def table(title, first):
    """Cells of the rows of the table whose first heading is `first`."""
    text = section(title)
    lines = text[text.index(f"| {first} |"):].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def bits(form):
    """Fields with their bits, as the tables write them."""
    at, cells = 0, []
    for field in form.fields:
        last = at + field.width - 1
        if not field.name.startswith(_SILENT):
            cells.append(f"`{field.name}` {at}" if last == at else f"`{field.name}` {last}..{at}")
        at += field.width
    return ", ".join(cells)


def names(rows):
    """{name: number} of cells such as "3 SOURCE"."""
    return {name: int(number) for number, name in (cells[0].split() for cells in rows)}


def members(enumeration):
    return {member.name: member.value for member in enumeration}


def test_instructions():
    rows = table("Instructions", "operation")
    assert [int(cells[0]) for cells in rows] == list(Operation)
    forms = {}
    for number, mnemonic, fields, does, waits in rows:
        form = INSTRUCTIONS[Operation(int(number))]
        line = f"{mnemonic} SOURCE" if mnemonic == "Set_Configuration" else mnemonic
        assert decode(assemble(line)[0]).operation == int(number)
        if fields.startswith("as "):
            assert forms[fields.removeprefix("as ")] is form
        else:
            assert fields == (bits(form) or "-")
        forms[mnemonic] = form
        assert does and waits


def test_registers():
    rows = table("Instructions", "register")
    assert [(int(number), name, fields) for number, name, fields, _ in rows] == [
        (register.value, register.name, bits(REGISTERS[register])) for register in Register]


@pytest.mark.parametrize("title, first, enumeration", [
    ("Memory map of the dense core", "memory", DenseMemory),
    ("Memory map of the dense core", "counter", DenseCounter),
    ("Memory map of the sparse core", "memory", Memory),
    ("Memory map of the sparse core", "counter", Counter),
    ("Errors", "status", Status)])
def test_numbers(title, first, enumeration):
    assert names(table(title, first)) == members(enumeration)


def test_faults():
    rows = names(table("Memory map of the dense core", "fault"))
    assert rows == {name: value for name, value in members(Fault).items() if value}


def test_memories_of_the_dense_core():
    config = DENSE_PRESETS["dense"]
    core = DenseCore(config)
    Fragment.get(core, platform=None)       # or it would be warned that nobody has used it
    sizes = {"PROGRAM": config.program_depth, "PARAMETERS": config.parameter_depth,
             "FUNCTIONS": config.function_words, "OPERANDS": config.operand_words,
             "WEIGHTS": config.weight_depth,
             "UNIFIED": config.unified_depth // config.word_elements,
             "COUNTERS": len(DenseCounter), "IDENTITY": len(DENSE_IDENTITY)}
    rows = table("Memory map of the dense core", "memory")
    for cells in rows:
        number, name = cells[0].split()
        port = core.memory_map[DenseMemory(int(number))]
        said = cells[3].split(", ")
        assert ("read" in said, "write" in said) == (port.readable, port.writable)
        assert ("also during a run" in said) == port.while_running
        if name in sizes:
            assert port.depth == sizes[name]
            parts = [getattr(config, word) for word in re.findall(r"`(\w+)`", cells[2])]
            told = parts[0] // (parts[1] if len(parts) > 1 else 1) if parts else int(cells[2])
            assert told == port.depth
    by_name = {cells[0].split()[1]: cells[1] for cells in rows}
    assert by_name["PARAMETERS"].endswith(bits(PARAMETER))
    assert by_name["IDENTITY"].split(": ")[1] == ", ".join(DENSE_IDENTITY)


@pytest.mark.parametrize("title, form", [("Commands", COMMAND), ("Responses", RESPONSE)])
def test_headers(title, form):
    """Fields of the first word, and opcodes that are named beside it."""
    rows = table(title, "word")
    first = [cells for cells in rows if cells[0] in ("0", "")][:len(form.fields)]
    assert ", ".join(f"`{cells[2]}` {cells[1]}" for cells in first) == bits(form)
    opcodes = next(cells[3] for cells in rows if cells[2] == "opcode")
    told = {name: int(number) for number, name in re.findall(r"(\d) ([A-Z_]+)", opcodes)}
    assert told == {name: value for name, value in members(Opcode).items()
                    if (name == "HOST_DATA") == (title == "Responses")}
