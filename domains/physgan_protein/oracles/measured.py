"""The three public landscapes of the benchmark: GB1, AAV and GFP, with their normalisation.

GB1: Wu et al., eLife 5, e16965 (2016), four sites of protein G. AAV: Bryant et al., Nature
Biotechnology 39, 691 (2021), 28 residues of a capsid. GFP: Sarkisyan et al., Nature 533, 397
(2016). AAV and GFP are normalised by the extremes of the whole table, as Kirjner et al. (ICLR
2024, "GGS") do; GB1 by its highest measured fitness, as Yang et al. (2025, "ALDE") do.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from physgan.errors import InputError
from physgan_protein.oracles.landscape import Landscape


@dataclass(frozen=True)
class Measured:
    """Where a landscape's values lie in its file, and what is known of it.

    ``low`` and ``high`` in the table's own unit become 0 and 1; ``wild_type_value`` is measured.
    """

    name: str
    file: str
    sequence: str
    value: str
    low: float
    high: float
    wild_type: str
    wild_type_value: float

    def landscape(self, path: Path, **options: Any) -> Landscape:
        """The table, in its own unit, of a file or of the folder that has ``file``."""
        path = Path(path)
        place = path / self.file if path.is_dir() else path
        oracle = Landscape.read(place, sequence=self.sequence, value=self.value, **options)
        oracle.name = self.name
        return oracle

    def normalised(self, values: ArrayLike) -> NDArray[Any]:
        """``(values - low) / (high - low)``, not clipped; the shape is kept."""
        return (np.asarray(values, dtype=float) - self.low) / (self.high - self.low)


GB1 = Measured("gb1", "gb1_four_site.csv.xz", "variant", "fitness", 0.0, 8.76196565571, "VDGV", 1.0)
AAV = Measured(
    "aav",
    "aav_bryant2021.csv.xz",
    "sequence",
    "score",
    0.0,
    19.53645667061,
    "DEEEIRTTNPVATEQYGSVSTNLQRGNR",
    9.081806289307051,
)
GFP = Measured(
    "gfp",
    "gfp_sarkisyan2016.csv.xz",
    "sequence",
    "log10_brightness",
    1.28341923933,
    4.12310906338,
    "SKGEELFTGVVPILVELDGDVNGHKFSVSGEGEGDATYGKLTLKFICTTGKLPVPWPTLVTTLSYGVQCFSRYPDHMKQHDFFKSAMPEGYV"
    "QERTIFFKDDGNYKTRAEVKFEGDTLVNRIELKGIDFKEDGNILGHKLEYNYNSHNVYIMADKQKNGIKVNFKIRHNIEDGSVQLADHYQQNT"
    "PIGDGPVLLPDNHYLSTQSALSKDPNEKRDHMVLLEFVTAAGITHGMDELYK",
    3.7192121319,
)
MEASURED = {each.name: each for each in (GB1, AAV, GFP)}


def measured_landscape(name: str, path: Path, **options: Any) -> Landscape:
    """The landscape called ``name`` (gb1, aav, gfp) of the file or folder ``path``."""
    if name not in MEASURED:
        raise InputError(f"no landscape called {name!r}", fix=f"one of {', '.join(MEASURED)}")
    return MEASURED[name].landscape(path, **options)
