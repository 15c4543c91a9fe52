"""A teacher whose training takes a second."""

from tnemu.learn.teachers.settings import TeacherSettings


def tiny(tmp_path, **changes):
    values = {
        "steps": 400,
        "learn_start": 160,
        "worlds": 2,
        "replay": 2000,
        "refill": 60,
        "check_every": 200,
        "check_episodes": 1,
        "log_every": 100,
        "epsilon_steps": 200,
    }
    values |= {"game": "breakout", "out": str(tmp_path / "run")}
    return TeacherSettings(**values | changes)
