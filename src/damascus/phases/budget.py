"""What a phase says when it must not spend."""

from __future__ import annotations

from damascus.domain.work import PhaseContext, PhaseResult, Verdict


def out_of_money(context: PhaseContext) -> PhaseResult:
    """Return the verdict of a phase that must not spend because nothing is left."""
    return PhaseResult(
        Verdict.OVER_BUDGET,
        f"The budget of the item is used up: {context.spent_usd} of {context.item.budget_usd} "
        "US dollars are spent; raise the budget or cancel the item.",
        {"spent_usd": str(context.spent_usd), "budget_usd": str(context.item.budget_usd)},
    )
