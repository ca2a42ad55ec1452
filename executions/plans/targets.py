"""Finds the assets that the targets of a plan mean, and remembers which could not be found."""

from collections.abc import Iterable, Sequence

from django.conf import settings

from executions.plans.errors import PlanProblem, by_setting, shown
from executions.plans.selectors import InventoryItem, asset_id, is_selector, parse_selector


class TargetFinder:
    """Looks targets up in one tenant's inventory; another tenant's asset is as unknown as no asset."""

    def __init__(self, inventory: Sequence[InventoryItem]) -> None:
        self.problems: list[PlanProblem] = []
        self._inventory = inventory
        self._by_name = {item.name: item for item in inventory}
        self._by_id = {item.id: item for item in inventory}
        self._selected: dict[str, list[InventoryItem]] = {}

    def find(self, targets: Sequence[str], at: str, *, single: bool = False) -> tuple[InventoryItem, ...]:
        """Every asset meant, once, in order of names. `single`: `at` is the place of the only target."""
        found: dict[InventoryItem, None] = {}
        for index, target in enumerate(targets):
            place = at if single else f"{at}[{index}]"
            found.update(dict.fromkeys(self._meant_by(target, place)))
        return tuple(sorted(found, key=lambda item: (item.name, item.id)))

    def _meant_by(self, target: str, place: str) -> Iterable[InventoryItem]:
        if is_selector(target):
            return self._selection(target, place)
        wanted = asset_id(target)
        item = self._by_name.get(target) if wanted is None else self._by_id.get(wanted)
        if item is None:
            message = f"there is no asset {shown(target)}"
            self.problems.append(PlanProblem(place, "asset.unknown", message))
            return ()
        return (item,)

    def _selection(self, selector: str, place: str) -> list[InventoryItem]:
        items = self._selected.get(selector)
        if items is None:
            matches = parse_selector(selector)
            items = self._selected[selector] = [item for item in self._inventory if matches(item)]
        limit = settings.OPSC["PLAN_MAX_TARGETS"]
        if not items:
            message = f"the selector {shown(selector)} matches 0 assets"
            self.problems.append(PlanProblem(place, "target.empty", message))
        elif len(items) > limit:
            message = (
                f"the selector {shown(selector)} matches {len(items)} assets; at most {limit} are allowed"
            )
            self.problems.append(
                PlanProblem(place, "target.too_many", message, by_setting("PLAN_MAX_TARGETS"))
            )
        return items
