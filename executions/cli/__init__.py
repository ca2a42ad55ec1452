"""What the management commands for people share."""
