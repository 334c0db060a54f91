"""What the matrix unit should do, from the contract of its operations: in plain Python."""

import numpy as np

from golden.formats import POSITION_WIDTH, WEIGHT_FIFO_TILES

__all__ = ["Schedule", "convolution", "matrix_multiply", "multiply", "operation_rows"]


def _position(value):
    """A line number or position in a line, modulo 2**POSITION_WIDTH as a signed number."""
    half = 1 << POSITION_WIDTH - 1
    return (value + half) % (2 * half) - half


def operation_rows(operation, config):
    """Rows that an operation feeds, tile after tile.

    Returns
    -------
    list of list of (list of (int or None))
        For each tile, for each row, the address of each lane's element; None for padding.
    """
    get = operation.get
    tiles, line, tap, chunk = [], 0, 0, 0
    for _ in range(get("tiles")):
        rows = []
        for oy in range(get("lines")):
            for ox in range(get("pixels")):
                x = _position(get("x") + ox * get("x_step") + tap * get("tap_step")
                              + chunk * config.rows)
                y = _position(get("y") + oy * get("y_step") + line * get("dilation"))
                base = get("first_line") + oy * get("line_step") + line * get("kernel_step")
                rows.append([
                    (base + x + lane) % config.unified_depth
                    if 0 <= y < get("line_limit") and 0 <= x + lane < get("line_length")
                    and (get("run") == 1 << 16 or chunk * config.rows + lane < get("run"))
                    else None for lane in range(config.rows)])
        tiles.append(rows)
        chunk += 1
        if chunk * config.rows >= get("run") != 1 << 16:
            chunk, tap = 0, tap + 1
            if tap == get("taps"):
                tap, line = 0, line + 1
    return tiles


def multiply(operation, config, *, unified, tiles, accumulators):
    """Carry out an operation on `accumulators`, shape (accumulator_depth, columns), in place.

    Parameters
    ----------
    unified : ndarray, shape (unified_depth,)
    tiles : sequence of ndarray, shape (rows, columns)

    Returns
    -------
    (int, int)
        Useful products, and sums that were saturated.
    """
    useful = saturated = 0
    for number, rows in enumerate(operation_rows(operation, config)):
        for offset, addresses in enumerate(rows):
            row = [operation["pad"] if address is None else int(unified[address])
                   for address in addresses]
            sums = np.array(row, dtype=np.int64) @ tiles[number].astype(np.int64)
            place = operation["accumulator"] + offset
            if number or operation["accumulate"]:
                sums = sums + accumulators[place]
            accumulators[place] = np.clip(sums, -2**31, 2**31 - 1)
            saturated += int((accumulators[place] != sums).sum())
            useful += operation["columns"] * sum(address is not None for address in addresses)
    return useful, saturated


class Schedule:
    """When tiles are taken, by the recurrences in `WeightUnit` and `MatrixUnit`."""

    def __init__(self, config, *, feed_cycles, first_cycles, accumulate_cycles):
        self.rows = config.rows
        self.feed_cycles = feed_cycles
        self.first_cycles = first_cycles
        self.accumulate_cycles = accumulate_cycles

    def run(self, reads, operations):
        """Cycles in which tiles are taken.

        Parameters
        ----------
        reads : list of (int, int)
            Cycle in which a Read_Weights was accepted, and its tiles.
        operations : list of (int, bool, list of int)
            Cycle in which an operation was accepted, whether it adds to the accumulators, and the
            rows of each of its tiles.

        Returns
        -------
        taken : list of int
        waits : (int, int)
            Cycles of weight stall and of weight shift.
        """
        arrivals = [(cycle if number == 0 else None)
                    for cycle, tiles in reads for number in range(tiles)]
        begins, shifts, taken, last_row, before = [], [], [], -1, 0
        stall = shift = 0
        for accepted, accumulates, tiles in operations:
            for number, rows in enumerate(tiles):
                at = len(taken)
                begin = max([begins[-1] + self.rows] if begins else [0])
                if arrivals[at] is not None:
                    begin = max(begin, arrivals[at] + 2)
                if at >= WEIGHT_FIFO_TILES:
                    begin = max(begin, shifts[at - WEIGHT_FIFO_TILES] + self.feed_cycles - 2)
                begins.append(begin)
                present = begin + 1 + max(0, 5 - self.feed_cycles)
                shifts.append(max([present] + ([taken[-1] + 1] if taken else [])))
                ready = shifts[-1] + self.rows - 1
                possible, waits = [ready], last_row + 1
                if number == 0:
                    possible.append(accepted + self.first_cycles)
                    waits = max(waits, accepted + 1)
                if taken:
                    possible.append(taken[-1] + max(before, self.rows, self.accumulate_cycles))
                if taken and accumulates and number == 0:
                    possible.append(last_row + self.accumulate_cycles)
                taken.append(max(possible))
                stall += max(0, present - waits)
                shift += max(0, ready - max(waits, present))
                last_row, before = taken[-1] + rows - 1, rows
        return taken, (stall, shift)


def matrix_multiply(rng, config, **changes):
    """A random MatrixMultiply, as the dispatcher hands it on."""
    lines = int(rng.integers(1, min(9, config.accumulator_depth) + 1))
    stride = int(rng.integers(0, 20))
    return _operation(rng, config, {
        "lines": lines, "pixels": 1, "first_line": int(rng.integers(config.unified_depth)),
        "line_step": stride, "kernel_step": 0, "x": int(rng.integers(-3, 6)), "y": 0, "x_step": 0,
        "y_step": 1, "dilation": 0, "tap_step": 0, "taps": 1, "run": 1 << 16,
        "line_length": int(rng.integers(1, 3 * config.rows + 2)), "line_limit": 1 << 16}, changes)


def convolution(rng, config, **changes):
    """A random Convolve, as the dispatcher hands it on."""
    lines, pixels = (int(rng.integers(1, 5)) for _ in range(2))
    return _operation(rng, config, {
        "lines": lines, "pixels": min(pixels, config.accumulator_depth // lines),
        "first_line": int(rng.integers(config.unified_depth)),
        "line_step": int(rng.integers(30)), "kernel_step": int(rng.integers(30)),
        "x": int(rng.integers(-12, 5)), "y": int(rng.integers(-3, 3)),
        "x_step": int(rng.integers(0, 8)), "y_step": int(rng.integers(0, 3)),
        "dilation": int(rng.integers(0, 3)), "tap_step": int(rng.integers(0, 8)),
        "taps": int(rng.integers(1, 4)), "run": int(rng.integers(1, 3 * config.rows)),
        "line_length": int(rng.integers(1, 24)), "line_limit": int(rng.integers(1, 7))}, changes)


def _operation(rng, config, fields, changes):
    count = fields["lines"] * fields["pixels"]
    half = 1 << config.activation_width - 1
    return {
        **fields, "accumulate": int(rng.random() < .3),
        "columns": int(rng.integers(1, config.columns + 1)), "tiles": int(rng.integers(1, 5)),
        "accumulator": int(rng.integers(0, config.accumulator_depth - count + 1)),
        "pad": int(rng.integers(-half, half)), **changes}
