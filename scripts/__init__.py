"""The `weft` command, a thin module a verb; `scripts.api` has the same verbs for Python."""
