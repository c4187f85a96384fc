"""The log as the tools read it: stretches of partitions, outside any group.

Nothing is joined, committed or written. The daemon imports nothing from here.
"""
