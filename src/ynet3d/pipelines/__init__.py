"""Whole jobs, made of the other folders' parts."""
