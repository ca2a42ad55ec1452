"""The guards that need nothing but the database, one promise a file."""
