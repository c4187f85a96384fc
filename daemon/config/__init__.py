"""What a person sets: read from YAML, environment and secret files, checked all at once."""
