"""The audit core: envelope bytes, Merkle tree, tiles and proofs.

Pure functions and values. Nothing here reads a database, a file, a clock or the network.
"""
