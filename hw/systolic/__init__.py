"""The dense core: a weight-stationary systolic array after TPU v1."""
