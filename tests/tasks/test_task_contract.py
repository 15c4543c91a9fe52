"""Every task keeps the contract: Atari's, and one that is no Atari game."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from catch import CatchSpec

from tnemu.tasks import contract
from tnemu.tasks.atari.spec import SPECS, spec_for
from tnemu.tasks.task import Task, TaskSpec


class TestPong(contract.TaskContract):
    def spec(self) -> TaskSpec:
        return spec_for("pong")


class TestShortEpisodes(contract.TaskContract):
    def spec(self) -> TaskSpec:
        import dataclasses

        return dataclasses.replace(SPECS["freeway"], max_frames=60)


class TestCatch(contract.TaskContract):
    def spec(self) -> TaskSpec:
        return CatchSpec()


class Broken(CatchSpec):
    """Breaks one rule of the contract at a time."""

    rule: ClassVar[str] = ""

    def start(self, seed: int) -> Any:
        task = super().start(seed)
        breaks = {
            "shape": lambda: setattr(task, "_seen", lambda: task.spec.shape),
            "forgetful": lambda: setattr(task, "step", lambda action: (task._seen(), 1.0, False)),
        }
        breaks[self.rule]()
        return task


@pytest.mark.parametrize(
    ("rule", "test"),
    [
        ("forgetful", "test_the_return_is_the_sum_of_the_rewards"),
        ("forgetful", "test_an_action_that_does_not_exist_is_refused"),
    ],
)
def test_the_contract_finds_a_task_that_breaks_it(rule: str, test: str) -> None:
    spec = type("Spec", (Broken,), {"rule": rule})()
    broken = contract.TaskContract()
    broken.spec = lambda: spec  # type: ignore[method-assign]
    with pytest.raises(AssertionError):
        getattr(broken, test)()


def test_atari_and_catch_are_tasks_by_protocol() -> None:
    assert isinstance(spec_for("pong").start(0), Task)
    assert isinstance(CatchSpec().start(0), Task)
