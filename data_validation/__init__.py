"""The write side: reading extracts, field facts, checks, findings, sealing, loading."""
