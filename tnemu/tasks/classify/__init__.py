"""Labelled pictures and sounds as tasks: data sets in their official layouts, each from a path."""
