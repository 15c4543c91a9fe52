"""The closed loop
===============

On one screen: a student plays its game on an emulated NS1e, all in this process::

    python examples/closed_loop.py [WEIGHT_FILE [DECISIONS]]

``tnemu play`` runs the same loop in two processes, in real time, with a report at the end.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

import corelets
import tnemu
from tnemu import zoo
from tnemu.tasks.task import spec_of


def main(path: Path, decisions: int) -> None:
    # A weight file becomes a network of cores, and the network a board image.
    student = corelets.load(path)
    plan = tnemu.fit(student, tnemu.load_board("ns1e"))
    print(plan)

    # The world is the one that the student was trained for, to the last pixel.
    spec = spec_of(student.weights)
    world = spec.start(seed=4)
    observation = world.reset()

    # Encode: the first layer turns grey levels into spikes. Decode: voters' spikes into votes.
    codec = student.weights.codec(plan.latency_ticks)

    with tnemu.Emulator(plan.image) as chip:
        for decision in range(1, decisions + 1):
            # Tick: the wave of spikes crosses the chip; its votes leave in the last tick.
            start, stimulus = chip.tick, codec.encode(observation)
            spikes = chip.run(codec.window.ticks, {codec.input: stimulus.pins}).of(codec.output)

            # Act: the action with most votes is held until the next decision.
            action = int(codec.decode(spikes, start).argmax())
            observation, reward, over = world.step(action)
            if reward:
                print(f"decision {decision}: {spec.actions[action]} won {reward:g}")
            if over:
                print(f"episode {world.episodes}: {world.episode_return:g} points")
                observation = world.reset()
        print(f"{decisions} decisions, {chip.counters.spikes:,} spikes in {chip.tick:,} ticks")
    plt.imshow(world.picture())
    plt.title(f"{spec.game}, after {decisions} decisions")
    plt.axis("off")
    plt.show()


if __name__ == "__main__":
    weight_file = Path(sys.argv[1]) if len(sys.argv) > 1 else zoo.find("krull")
    main(weight_file, int(sys.argv[2]) if len(sys.argv) > 2 else 300)
