"""Would the tests notice? Each fault here is put into a copy of the tree, where the quick tests must then fail."""
