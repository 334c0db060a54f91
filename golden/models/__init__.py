"""Networks that ship with the project, and readers of real model files."""
