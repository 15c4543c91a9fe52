"""Board definition files (YAML) and their JSON schema; installed as ``tnemu.boards``."""
