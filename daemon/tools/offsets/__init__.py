"""`cohortd offsets`: what the group has committed, and a person's decisions about it.

It joins no group: what it writes, the broker takes only while the group has no member. See
docs/offsets.md. The daemon imports nothing from here.
"""
