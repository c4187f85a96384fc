"""Thin programs over the same parts as the daemon, which imports none of them."""
