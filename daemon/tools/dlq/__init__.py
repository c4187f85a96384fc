"""`cohortd dlq`: what stands in the dead-letter topic, and how it comes back in.

Nothing of it joins the daemon's group. `list` and `show` write nothing at all.
"""
