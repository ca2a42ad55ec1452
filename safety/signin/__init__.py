"""Who is at the door: passwords, tries, and what is on record of them."""
