"""A hunt for secrets that were used and must be nowhere else."""
