"""The command line. It turns words into one call and holds no logic."""
