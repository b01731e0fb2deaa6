"""How the plate detector is made: synthetic plates, crops, the network, the training. Needs PyTorch; nothing else does."""
