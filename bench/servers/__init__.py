"""What the measurements stand on: databases, runtimes and sinks, found or started, and ended with the run."""
