"""Readers: one module for each foreign data set."""
