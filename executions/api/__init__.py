"""The door for programs: JSON over HTTP, with an API token and nothing else."""
