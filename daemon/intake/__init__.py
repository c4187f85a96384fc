"""The intake: one thread that reads, gathers, hands over, and commits what Braze has taken."""
