"""Clarion's side: its processes started as a user would start them, and spoken to over HTTP."""
