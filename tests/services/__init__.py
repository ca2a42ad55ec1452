"""Real servers for tests, each on its own loopback port, with its data in a temporary folder."""
