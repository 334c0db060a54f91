"""Amaranth modules. Of `golden`, only declarations (formats, geometry) may be imported here."""
