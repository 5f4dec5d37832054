"""For whom a model works: figures by age, sex, anatomical site, skin tone and source."""

from skinzoo.evaluation.subgroups.figures import subgroup_figures
from skinzoo.evaluation.subgroups.table import Subgroups, SubgroupTable

__all__ = ["SubgroupTable", "Subgroups", "subgroup_figures"]
