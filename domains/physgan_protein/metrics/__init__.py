"""What sets of sequences are measured by, each as the field defines it."""
