"""Boards: pins, clocks and vendor cells."""
