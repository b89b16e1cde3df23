"""One question, from the first attempt to the complete reply."""
