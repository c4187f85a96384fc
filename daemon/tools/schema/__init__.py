"""`cohortd schema`: the schemas of what it reads, of what it writes, and of its configuration."""
