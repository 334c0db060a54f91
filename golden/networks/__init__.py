"""Convolutional networks as graphs, computed in floats and in integers."""
