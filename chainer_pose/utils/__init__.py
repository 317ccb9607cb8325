"""What every room may use: devices, random streams, recorded functions."""
