"""torch.nn.functional's activations: `numpy` on NumPy arrays, `functional` on torch's CPU tensors."""
