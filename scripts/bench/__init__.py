"""How fast the writer and the ledger are beside the bare drivers, in the same run: ratios travel between machines."""
