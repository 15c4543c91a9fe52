"""Rectifier networks as spiking networks: conversion, recipe by recipe, and a simulator in numpy.

    dense            the network that is converted:  y = relu(... relu(x W0 + b0) ...) W_L + b_L
    normalisations   weights are scaled so that no neuron has to fire more than once a tick
    encodings        an observation as currents or spikes, tick by tick
    orders, resets   what an integrate-and-fire neuron does in a tick
    decodings        an answer from potentials or from counts of spikes
    simulator        all of it, for many observations at once

Source: C. Hahn, Deep Spiking Q Networks, master's thesis, TUM 2020, and its code; each module says
which section, and where it goes beyond.
"""
