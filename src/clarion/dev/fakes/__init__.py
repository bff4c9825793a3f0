"""Local servers that speak the wire protocols of providers, keep a ledger, and misbehave when told to."""
