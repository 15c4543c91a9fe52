"""A restricted Boltzmann machine on cores: its units, its three stages, and how they are packed."""
