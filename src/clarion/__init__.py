"""Clarion: a self-hosted notification service."""
