"""What this software costs on this machine, measured."""
