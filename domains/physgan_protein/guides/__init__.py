"""What guides a search for sequences: descriptors of residues, smoothed labels, doubt."""
