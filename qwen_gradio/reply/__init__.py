"""One question until it is answered."""
