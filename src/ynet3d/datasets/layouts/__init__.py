"""One module for each way in which data sets lie on disk."""
