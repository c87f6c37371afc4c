"""Self-contained HTML pages about proposals and training runs."""

from physgan.report.page import proposal_page
from physgan.report.training import training_page

__all__ = ["proposal_page", "training_page"]
