"""A walk through every door as people who must see nothing, or change nothing."""
