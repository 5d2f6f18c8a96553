"""Train a PyTorch module on the CPU with fastact's activation in the place of PyTorch's.

The two runs differ in nothing but the module that `functional` stands for.
"""

import argparse
from time import perf_counter

try:
    import torch
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    import fastact.compat.torch.functional
except ImportError as error:
    raise SystemExit(f"{error}\npip install 'fastact[torch,examples]'") from None


class Network(torch.nn.Module):
    """Two hidden layers of one activation."""

    def __init__(self, activation, inputs, hidden, classes):
        super().__init__()
        self.activation = activation
        sizes = [inputs, hidden, hidden, classes]
        self.layers = torch.nn.ModuleList(map(torch.nn.Linear, sizes, sizes[1:]))

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)


def train(functional, data, options):
    """Train with one module of functions; return last loss, test accuracy, seconds."""
    x_train, x_test, label_train, label_test = data
    torch.manual_seed(options.seed)
    network = Network(functional.gelu, x_train.shape[1], options.hidden, 10)
    optimizer = torch.optim.SGD(network.parameters(), lr=options.rate, momentum=0.9)
    start = perf_counter()
    for _ in range(options.epochs):
        for chosen in torch.randperm(len(x_train)).split(128):
            loss = functional.cross_entropy(network(x_train[chosen]), label_train[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    seconds = perf_counter() - start
    with torch.no_grad():
        accuracy = (network(x_test).argmax(dim=1) == label_test).double().mean()
    return loss.item(), accuracy.item(), seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--hidden", type=int, default=512, help="units of a hidden layer")
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    torch.set_num_threads(1)  # as fastact has
    x, label = load_digits(return_X_y=True)
    x = (x / 16).astype("float32")
    parts = train_test_split(x, label, test_size=0.25, random_state=options.seed, stratify=label)
    data = [torch.from_numpy(part) for part in parts]
    print(f"{'functions':<32}{'loss':>9}{'test accuracy':>15}{'seconds':>9}")
    for functional in torch.nn.functional, fastact.compat.torch.functional:
        loss, accuracy, seconds = train(functional, data, options)
        print(f"{functional.__name__:<32}{loss:>9.4f}{accuracy:>15.1%}{seconds:>9.2f}")


if __name__ == "__main__":
    main()
