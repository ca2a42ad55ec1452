"""What this system does per second on this machine, beside baselines of the same run."""
