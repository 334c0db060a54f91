"""Deep Compression of real networks: where they come from, how they are trained, what is drawn."""
