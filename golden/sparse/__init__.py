"""The sparse (EIE-style) computation: partition, encoding, arithmetic and cycles."""
