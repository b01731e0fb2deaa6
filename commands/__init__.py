"""The verbs of the `tilth` command: one module per part, each with `register(app)`."""
