"""What tests/corpus/run is made of."""
