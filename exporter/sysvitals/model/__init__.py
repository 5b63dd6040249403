"""What a reading, an event, a metric and a collector is. Standard library only; touches nothing in the world."""
