"""Compression: pruning, weight sharing and the streams that hold the result."""
