"""Clarion: a self-hosted notification service."""

#: Kept here, as to ask what is installed takes longer than all else that `clarion --version` does.
__version__ = "0.1.0"
