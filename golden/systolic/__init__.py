"""The dense core: its instructions, the tiled computation, its cycle model."""
