"""From bytes to change sets: the formats, the mapping, and the loops that run per event."""
