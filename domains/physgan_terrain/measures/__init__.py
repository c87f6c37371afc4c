"""What is measured on terrain: spectra, hypsometry, drainage, curvature, and tests on them."""
