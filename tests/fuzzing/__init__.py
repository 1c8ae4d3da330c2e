"""A fuzzer of all readers: valid files, spoilt by chance, must be read or refused in a sentence.

`python -m fuzzing run` (with `tests` on the path, as `make fuzz` does it) tries thousands of them,
`python -m fuzzing replay FILE` one that was kept.
"""
