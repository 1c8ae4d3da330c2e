"""Faults that are really done to this software, counted: `PYTHONPATH=tests python -m faults run`.

Processes are killed, disks filled, files spoilt, memory taken away. What each try came to is one of
the four of `faults.outcomes`; docs/reliability.md has the table.
"""
