"""Tokens of a cloud, for brokers that take no password."""
