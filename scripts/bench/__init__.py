"""Measure the cores on the layers that the papers measured; the verb is in `.sparse`."""
