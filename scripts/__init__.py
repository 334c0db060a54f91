"""The `weft` command: one module a verb."""
