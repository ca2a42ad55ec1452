"""What is seen of executions while they run."""
