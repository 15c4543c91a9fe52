"""Graphs of layers with numbers of any kind, and what of them is exact in whole numbers of steps."""
