"""The Python peers, each run in an environment of its own. They import nothing of this project but `figures`."""
