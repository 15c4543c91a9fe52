"""Files: one module for each format, which reads it, writes it, or both. All go through tnemu.files."""
