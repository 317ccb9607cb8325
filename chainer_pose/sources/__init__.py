"""Readers of foreign layouts, and the synthetic source: each yields `PoseData`."""
