"""The pure heart of the daemon: no I/O, clock, randomness, thread, logger or metric."""
