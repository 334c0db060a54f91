"""The host link: streams and framing, in gateware and in Python."""
