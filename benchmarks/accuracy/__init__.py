"""Accuracy on equal terms: one data set, one split, one wall-clock budget, one machine.

    python -m benchmarks.accuracy DATA -o OUT --minutes 15 --minutes 55 --nnunet-python PYTHON

The paper's networks, this package's recipes, and nnU-Net v2 in an environment of its own. Called
again, the command goes on where it stood. benchmarks/README.md says how to read what comes out.
"""
