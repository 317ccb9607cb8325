"""Detectors' keypoints, in any of their formats."""
