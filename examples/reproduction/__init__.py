"""What `examples/reproduce.py` is made of: settings, runs, data, training, and the tables of the results page."""
