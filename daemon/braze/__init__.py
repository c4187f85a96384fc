"""The Braze side: lives on the event loop and knows nothing of Kafka."""
