"""The datasets that can be imported, by the names that the command gives them."""

from collections.abc import Mapping
from types import MappingProxyType

from ledger.datasets import acled, eth_prio, ucdp
from ledger.datasets.entries import Dataset

DATASETS: Mapping[str, Dataset] = MappingProxyType(
    {each.name: each for each in (ucdp.DATASET, acled.DATASET, eth_prio.DATASET)}
)
