"""The runnable examples: `make examples` runs them, each on real components, and holds two books against each other."""
