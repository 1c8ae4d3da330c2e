"""`ynet3d serve` under load and attack, over loopback: how long answers take, and what fails.

    python -m benchmarks.load -o load

The server is the real command in a process of its own, with a token and with scans to predict all
the while. Questions come at a fixed rate whether or not earlier ones are answered, and their times
count from when they were due, so that a server that stalls shows it. docs/serving.md has figures.
"""
