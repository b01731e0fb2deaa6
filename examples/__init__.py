"""Sample data and small programs to start from."""
