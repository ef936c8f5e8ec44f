"""What the operator sees: who a line belongs to, what is logged, what is counted. No secret ever goes through here."""
