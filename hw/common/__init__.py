"""Parts that both cores use."""
