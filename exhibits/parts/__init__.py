"""What exhibits share: topics import these, and no other topic."""
