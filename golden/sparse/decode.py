"""From compressed columns back to the matrix: the inverse of `golden.sparse.encode`."""

import numpy as np

__all__ = ["decode", "entry_rows"]


def entry_rows(encoded):
    """Local row at which each entry arrives, shape (n_entries,), int64.

    A plain entry multiplies there; after an escape it is the last row that the escape skips.
    """
    advance = encoded.runs.astype(np.int64) + 1
    advance[encoded.is_escape] <<= encoded.geometry.run_width
    sums = np.zeros(len(advance) + 1, dtype=np.int64)
    np.cumsum(advance, out=sums[1:])
    lengths = np.diff(encoded.pointers, axis=1).ravel()
    return sums[1:] - np.repeat(sums[encoded.column_starts], lengths) - 1


def decode(encoded):
    """Expand compressed columns.

    Parameters
    ----------
    encoded : EncodedLayer
        In either format. An escape that ends its column does nothing.

    Returns
    -------
    ndarray of uint8, shape (rows, columns)
        Codebook indices, rows in their own order.

    Raises
    ------
    ValueError
        If the pointers do not ascend from 0 to the end of each PE's entries, or an entry lies in a
        row or a column that its PE has not.
    """
    _check_pointers(encoded)
    rows, columns = encoded.shape
    slots, groups = encoded.slots, encoded.groups
    lengths = np.diff(encoded.pointers, axis=1).ravel()
    pe, local_column = np.divmod(np.repeat(np.arange(len(lengths)), lengths),
                                 encoded.local_columns)
    slot, group = np.divmod(pe, groups)
    position = entry_rows(encoded) * slots + slot
    column = local_column * groups + group

    plain = ~encoded.is_escape
    for wrong, complaint in ((column >= columns, f"the layer has {columns} columns"),
                             (plain & (position >= rows), f"the layer has {rows} rows")):
        if wrong.any():
            at = int(np.argmax(wrong))
            raise ValueError(
                f"PE {pe[at]}, local column {local_column[at]}, entry "
                f"{at - encoded.starts[pe[at]]}: column {column[at]} of position {position[at]} "
                f"lies outside, {complaint}")

    codes = np.zeros(encoded.shape, dtype=np.uint8)
    codes[encoded.order[position[plain]], column[plain]] = encoded.indices[plain]
    return codes


def _check_pointers(encoded):
    pointers, entries = encoded.pointers, encoded.entries
    if not len(encoded.indices) == len(encoded.runs) == encoded.starts[-1]:
        raise ValueError(f"{len(encoded.indices)} indices and {len(encoded.runs)} runs, but "
                         f"{encoded.starts[-1]} entries")
    if -(-encoded.shape[1] // encoded.groups) != encoded.local_columns:
        raise ValueError(f"{encoded.shape[1]} columns in {encoded.groups} groups are not "
                         f"{encoded.local_columns} local columns")
    # Each PE's pointers between the two bounds that they must start and end with.
    bounded = np.hstack([np.zeros_like(entries)[:, None], pointers, entries[:, None]])
    wrong = np.diff(bounded, axis=1) < 0
    wrong[:, 0] |= pointers[:, 0] != 0
    wrong[:, -1] |= pointers[:, -1] != entries
    if wrong.any():
        pe, at = np.unravel_index(np.argmax(wrong), wrong.shape)
        column = min(int(at), encoded.local_columns)
        raise ValueError(f"PE {pe}, local column {column}: pointers {pointers[pe].tolist()[:8]}... "
                         f"do not ascend from 0 to the {entries[pe]} entries at entry "
                         f"{pointers[pe, column]}")
