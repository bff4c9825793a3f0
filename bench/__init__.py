"""Speed and memory, measured: Clarion and its peers in one run on one machine (`python -m bench`)."""
