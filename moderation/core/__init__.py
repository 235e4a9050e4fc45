"""The pure heart: values and decisions without network, disk, clock, randomness or framework."""
