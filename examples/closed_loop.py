"""The closed loop on one screen: a student plays its game on an emulated NS1e, all in this process.

    python examples/closed_loop.py [WEIGHT_FILE [DECISIONS]]

`tnemu play` runs the same loop in two processes, in real time, with a report at the end.
"""

import json
import sys
from pathlib import Path

import numpy as np

import corelets
import tnemu
from tnemu import zoo
from tnemu.tasks.atari.spec import AtariSpec
from tnemu.tasks.atari.world import AtariWorld


def main(path: Path, decisions: int) -> None:
    # A weight file becomes a network of cores, and the network a board image.
    student = corelets.load(path)
    plan = tnemu.fit(student, tnemu.load_board("ns1e"))
    print(plan)

    # The world is the one that the student was trained for, to the last pixel.
    weights = student.weights
    world = AtariWorld(AtariSpec.from_json(json.dumps(dict(weights.spec))), seed=4)
    observation = world.reset()

    with tnemu.Emulator(plan.image) as chip:
        for decision in range(1, decisions + 1):
            # Encode: the first layer turns grey levels into spikes, on the host.
            bits = weights.transduction.forward(observation[None])[0].ravel()

            # Tick: the wave of spikes crosses the chip; its votes leave in the last tick.
            last = chip.tick + plan.latency_ticks - 1
            spikes = chip.run(plan.latency_ticks, {"frame": bits}).of("votes")
            fired = np.zeros(plan.image.output("votes").width, np.int32)
            fired[spikes["pin"][spikes["tick"] == last]] = 1

            # Decode and act: the action with most votes is held until the next decision.
            action = int(weights.vote.forward(fired[None])[0].argmax())
            observation, reward, over = world.step(action)
            if reward:
                print(f"decision {decision}: {weights.actions[action]} won {reward:g}")
            if over:
                print(f"episode {world.episodes}: {world.episode_return:g} points")
                observation = world.reset()
        print(f"{decisions} decisions, {chip.counters.spikes:,} spikes in {chip.tick:,} ticks")


if __name__ == "__main__":
    weight_file = Path(sys.argv[1]) if len(sys.argv) > 1 else zoo.find("krull")
    main(weight_file, int(sys.argv[2]) if len(sys.argv) > 2 else 300)
