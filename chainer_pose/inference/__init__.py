"""A generator's file, and what is lifted with it."""
