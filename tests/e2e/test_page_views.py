"""Every view of the page: it shows what it should, fits the window, and is accessible."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import page_world
from support.page_world import a_month, serving

pytestmark = pytest.mark.skipif(
    page_world.why_not() is not None, reason=page_world.why_not() or "never"
)


@pytest.mark.parametrize("variant", ["light", "dark", "narrow"])
def test_every_view_shows_a_month_of_work_without_a_serious_fault(
    db, database_url, tmp_path: Path, variant
):
    known: dict[str, int] = {}
    with (
        serving(
            db, database_url, tmp_path, before=lambda site: known.update(a_month(site))
        ) as site,
        site.look(
            "pages",
            VARIANT=variant,
            BLOCKED=str(known["blocked"]),
            ASKED=str(known["asked"]),
            RUNNING=str(known["worker-1"]),
        ),
    ):
        pass
