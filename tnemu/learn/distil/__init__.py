"""A student learns from teachers: of one game or of several."""
