"""The schema registry: asked for writers' schemas by their ids, beside the reading."""
