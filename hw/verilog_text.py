"""Makes the Verilog that Yosys writes for Amaranth designs readable, without changing its meaning.

Works on the text, module by module, and relies on the layout of Yosys' `write_verilog`:

* modules that are equal but for their names become one;
* modules and signals get plain names instead of escaped ones;
* wires that nothing reads (a field of a structure that was only ever used whole) are dropped,
  those of outputs left open are called `unused_...`;
* the initial values of a memory become loops where they repeat.
"""

import re
from collections import Counter

__all__ = ["tidy"]

_IDENTIFIER = re.compile(r"\\(\S+) |(?<![\w'$\\.])([A-Za-z_][\w$]*)")
_STRING = re.compile(r'("(?:[^"\\]|\\.)*")')
_MODULE = re.compile(r"^((?:\(\*.*?\*\)\n)*)module (\\\S+ |[\w$]+)(.*?)^endmodule\n", re.M | re.S)
_INSTANCE = re.compile(r"^  (\\\S+ |[\w$]+) (?=(?:\\\S+ |[\w$]+) \($)", re.M)
_WIRE = re.compile(r"  wire (?:\[-?\d+:\d+\] )?(\\\S+ |[\w$]+);$")
_ASSIGN = re.compile(r"  assign (\\\S+ |[\w$]+) = .*;$")
_KEYWORDS = frozenset("""
    always and assign automatic begin buf case casex casez cell config deassign default defparam
    design disable edge else end endcase endfunction endmodule endtask event for force forever fork
    function generate if initial inout input integer join logic module nand negedge nor not or
    output parameter posedge real reg release repeat rst_ signed string table task time tri type
    unsigned vectored wait wand while wire wor xnor xor bit byte int assert assume cover property
    sequence do break continue return final global local static this new class interface program
    package import export enum struct union var void with within unique priority ref const context
    """.split())
#: Words of SystemVerilog that Yosys takes for names.
_NEW_KEYWORDS = frozenset("""
    accept_on alias before bind bins binsof checker clocking constraint coverpoint cross dist expect
    extends first_match foreach iff ignore_bins implements implies inside intersect let matches
    modport new null package program protected pure rand reject_on restrict soft solve strong super
    tagged this throughout until untyped use virtual weak wildcard with within
    """.split())
_NEW_KEYWORD = re.compile(rf"(?<![\w$\\])({'|'.join(sorted(_NEW_KEYWORDS))})(?![\w$])")


def tidy(text, *, name, prune=True):
    """Readable version of `write_verilog`'s output.

    Parameters
    ----------
    text : str
        Verilog of all modules.
    name : str
        Name of the top-level module; those of the others start with it.
    prune : bool
        Drop wires that nothing reads; waves show them.

    Returns
    -------
    str
        The same modules, each once, children first and the top last.
    """
    bodies = {}
    for attributes, escaped, body in _MODULE.findall(text):
        bodies[_plain(escaped)] = (attributes, body)
    children = {module: [_plain(child) for child in _INSTANCE.findall(body)
                         if _plain(child) in bodies] for module, (_, body) in bodies.items()}
    order = []

    def visit(module):
        if module not in order:
            for child in children[module]:
                visit(child)
            order.append(module)

    for module in bodies:
        visit(module)

    # Children first, so that parents of equal modules can be seen to be equal in their turn.
    names, by_text, taken, modules = {}, {}, {name}, []
    for module in order:
        attributes, body = bodies[module]
        body = _INSTANCE.sub(
            lambda found: f"  {names.get(_plain(found[1]), found[1])} ", body)
        body = _tidy_body(body, prune)
        if module != name and (attributes, body) in by_text:
            names[module] = by_text[attributes, body]
            continue
        new = name if module == name else _module_name(module, name, taken)
        names[module] = by_text[attributes, body] = new
        taken.add(new)
        modules.append(f"{attributes}module {new}{body}endmodule\n")
    return "\n".join(modules)


def _plain(identifier):
    return identifier.strip().removeprefix("\\")


def _module_name(module, top, taken):
    """Name after the last part of the hierarchical name, then more parts, then a number.

    The number that tells one instance from the next is dropped: all of them share the module.
    """
    parts = [re.sub(r"\W+", "_", re.sub(r"_?\d+$", "", part)) or "part"
             for part in module.removeprefix(f"{top}.").split(".")]
    for count in range(1, len(parts) + 1):
        candidate = "_".join([top, *parts[-count:]])
        if candidate not in taken:
            return candidate
    number = 2
    while f"{candidate}_{number}" in taken:
        number += 1
    return f"{candidate}_{number}"


def _tidy_body(body, prune):
    head, _, rest = body.partition(");\n")
    # Yosys breaks a long list into lines.
    ports = [port.lstrip() for port in head.replace("\n", "").removeprefix("(").split(",")]
    ports.sort(key=lambda port: (port not in ("clk", "rst"), port))
    body = f"({', '.join(ports)});\n{rest}"
    # `input x; wire x;` in one.
    body = re.sub(r"^  ((?:in|out)put) ((?:\[\d+:\d+\] )?(?:\\\S+ |[\w$]+));\n"
                  r"  (wire|reg) \2( = .*)?;$", r"  \1 \3 \2\4;", body, flags=re.M)
    # A wire that is another name of a register comes with the register's initial value.
    body = re.sub(r"^  \(\* init = \S+ \*\)\n(?=  wire )", "", body, flags=re.M)
    body = _loop_initial_values(body)
    if prune:
        body = _prune(body)
    return _name_open_outputs(_rename(body))


def _loop_initial_values(body):
    """Replace the assignments of every row of a memory by one loop per run of equal values."""
    def block(found):
        lines, result, position = found[1].splitlines(), [], 0
        parsed = [re.fullmatch(r"    (\\\S+ |[\w$]+)\[(\d+)\] = (.+);", line) for line in lines]
        if not all(parsed):
            return found[0]
        while position < len(parsed):
            memory, row, value = parsed[position].groups()
            end = position + 1
            while (end < len(parsed) and parsed[end][1] == memory and parsed[end][3] == value
                   and int(parsed[end][2]) == int(row) + end - position):
                end += 1
            if end - position < 4:
                result += lines[position:end]
            else:
                result += [f"    for (row_index = {row}; row_index < {int(row) + end - position}; "
                           "row_index = row_index + 1)", f"      {memory}[row_index] = {value};"]
            position = end
        return "  initial begin\n" + "".join(f"{line}\n" for line in result) + "  end\n"

    changed = re.sub(r"^  initial begin\n((?:    .*\n)*?)  end\n", block, body, flags=re.M)
    if changed != body:
        ports, _, rest = changed.partition("\n")
        changed = f"{ports}\n  integer row_index;\n{rest}"
    return changed


def _prune(body):
    """Drop wires that are assigned whole and never read, until there are none."""
    uses, declared, assigned = Counter(), {}, {}
    lines = body.splitlines()
    for number, line in enumerate(lines):
        uses.update(_identifiers(line))
        if found := _WIRE.match(line):
            declared[_plain(found[1])] = number
        elif found := _ASSIGN.match(line):
            assigned[_plain(found[1])] = number

    # Used twice: where it is declared and where it is assigned.
    dead = [wire for wire in assigned if wire in declared and uses[wire] == 2]
    for wire in dead:       # grows while it is walked
        for read in _identifiers(lines[assigned[wire]]):
            uses[read] -= 1
            if read != wire and uses[read] == 2 and read in assigned and read in declared:
                dead.append(read)
        lines[assigned[wire]] = lines[declared[wire]] = None
        uses[wire] = 0
    for wire, number in declared.items():
        if uses[wire] == 1:
            lines[number] = None
    return "".join(f"{line}\n" for line in lines if line is not None)


def _name_open_outputs(body):
    """Call a wire `unused_...` that is nothing but the output of an instance: lint then knows."""
    uses = Counter(re.findall(r"\w+", body))
    for port, wire in re.findall(r"^    \.(\w+)\((\w+)\),?$", body, re.M):
        # Declared and connected; and named once more if the port has the same name.
        new = f"unused_{wire.lstrip('_')}"
        if uses[wire] == 2 + (port == wire) and new not in uses and re.search(
                rf"^  wire (?:\[\d+:\d+\] )?{wire};$", body, re.M):
            body = re.sub(rf"^(  wire (?:\[\d+:\d+\] )?){wire};$", rf"\1{new};", body, flags=re.M)
            body = body.replace(f"    .{port}({wire})", f"    .{port}({new})")
    return body


def _identifiers(line):
    return [found[1] or found[2] for found in _IDENTIFIER.finditer(line)]


def _rename(body):
    """Give every identifier of a module a plain name, the same wherever it stands."""
    # Hundred thousands of them in a large module: nothing here may look through them all.
    taken, escaped = set(_KEYWORDS | _NEW_KEYWORDS), {}
    for found in _IDENTIFIER.finditer(body):
        if found[2]:
            taken.add(found[2])
        else:
            escaped[found[1]] = None
    # `x <= \$12` in a clocked process: `\$12` is what x will be.
    following = {temporary: register for register, temporary in re.findall(
        r"^    (?:\\(?=\$?\w))?(\S+) ? <= \\(\$\d+) ;$", body, re.M)}
    names, numbers = {}, {}
    # Identifiers that stand for others come last, once those have their names.
    for identifier in sorted(escaped, key=lambda identifier: identifier in following):
        if identifier.startswith("$auto$"):
            wanted = "at_start"
        elif identifier in following:
            register = following[identifier]
            wanted = f"{names.get(register, register)}_then"
        else:
            wanted = re.sub(r"\W+", "_", identifier).rstrip("_")
        if not re.match(r"[A-Za-z_]", wanted):
            wanted = f"_{wanted}"
        name, number = wanted, numbers.get(wanted, 2)
        while name in taken:
            name, number = f"{wanted}_{number}", number + 1
        numbers[wanted] = number
        taken.add(name)
        names[identifier] = name
    pieces = _STRING.split(body)
    pieces[::2] = [re.sub(r"\\(\S+) ", lambda found: names[found[1]],
                          _NEW_KEYWORD.sub(r"\1_", piece)) for piece in pieces[::2]]
    return "".join(pieces)
