"""The Kafka side: one thread owns everything in here at run time."""
