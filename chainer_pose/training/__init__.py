"""Training: the paper's step, what a run is asked for, and the trainer that is made of it."""
