"""Boltzmann machines and the neurons that sample them, as mathematics; no board in here."""
