"""The ten landscape classes of the ready weights, in the order of their one-hot."""

CLASSES = (
    "coast", "volcanic", "desert", "tropical_forest", "plateau",
    "highland", "alpine", "mountain", "hills", "plain",
)  # fmt: skip
