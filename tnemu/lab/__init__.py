"""What joins rooms to find something out.

comparison     a trained network as integers and on boards: the first neuron that differs
observations   frames to compare on: played, or recorded in a file
sources        a name, path, network or corelet as something that can be fitted
fit            any of these on a board
images         the board image of a path
model_run      board images and IBM's model files on spike files, with probes
probes         what a run records inside the board
spike_diff     the first difference between two files of spikes
spike_sources  every kind of file that holds spikes
board_player   a student on emulated boards as one more player
shipped        what ships, as tables
dreams         Boltzmann machines that dream, on boards and by the chain; completion, labelling, dream_run
rbm_map        the cores that a Boltzmann machine takes, by stage
bench          how fast the emulator is, always beside something else
"""
