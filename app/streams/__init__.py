"""What reaches readers as it happens: a log for each stream and topics to wake by, shared by workers through Redis."""
