"""What moves vendors' bytes through the mappings of ``streams.sources`` into Kafka: the shell around them."""
