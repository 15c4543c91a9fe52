"""How fast the emulator is on this computer, as ratios.

measure    machines that take turns, and the rows they give
networks   what is measured: recurrent and feed-forward networks
frames     latency, frames per second, lanes
sweep      activities and sizes, with a picture
peers      other simulators on the same network
computer   what it was measured on
"""
