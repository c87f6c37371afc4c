"""Reading and writing of crystals."""

from physgan_crystal.io.read import read_split, read_table
from physgan_crystal.io.split import find_split, hash_split
from physgan_crystal.io.table import Table
from physgan_crystal.io.write import write_structures

__all__ = ["Table", "find_split", "hash_split", "read_split", "read_table", "write_structures"]
