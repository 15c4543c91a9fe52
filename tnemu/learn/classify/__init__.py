"""Classifiers of pictures and sounds: trinary networks from labelled data, beside a float control."""
