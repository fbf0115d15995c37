"""The test bed: a directory, a CA and a server with tokens, all on loopback and below one folder."""
