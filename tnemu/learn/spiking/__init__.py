"""Networks for CartPole and MountainCar, and spiking ones: Q-learning, policies, classifiers.

    settings     what a training is told, and the thesis's settings by name
    nets         the networks that are trained: of rectifiers, and of spikes with surrogate gradients
    qlearning    DQN, double DQN, and the same for spiking networks (DSQN)
    policy       REINFORCE and actor-critic
    classifier   a network that learns another one's decisions

Source: C. Hahn, Deep Spiking Q Networks, master's thesis, TUM 2020, chapter 4, and its code.
"""
