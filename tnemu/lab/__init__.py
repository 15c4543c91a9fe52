"""What joins rooms to find something out.

comparison     a student as integers and on boards: the first neuron that differs
observations   frames to compare on: played, or recorded in a file
model_run      IBM's model files and board images on spike files, with probes
probes         what a run records inside the board
spike_diff     the first difference between two spike files
board_player   a student on emulated boards as one more player
bench          how fast the emulator is, always beside something else
"""
