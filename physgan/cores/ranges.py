"""The ranges of core options, each stated once, in the type of its field."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Weight = Annotated[float, Field(ge=0)]
"""What a term of a loss is multiplied by."""

Share = Annotated[float, Field(ge=0, le=1)]
"""A part of a whole."""

Count = Annotated[int, Field(ge=1)]
"""How many, or how often, at least one."""

Natural = Annotated[int, Field(ge=0)]
"""How many, where none may do."""

Tolerance = Annotated[float, Field(gt=0, allow_inf_nan=True)]
"""What a law's mean residual may be; of infinity, the law is left out."""
