"""Each experiment of the lecture at a small size: its direction, and a control without it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from _lecture import centring, cost, death, gradients, optimizers
from _lecture.network import OPTIMIZERS, Network, digits, train
from _lecture.statement import FAILS, HOLDS, LIMITED, STATEMENTS, Result, limit
from threadpoolctl import threadpool_limits

import fastact
from fastact.activations import ACTIVATIONS
from fastact.diagnostics import Monitor


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """The matrices are small: more threads only wait for each other."""
    with threadpool_limits(1):
        yield


THREE, EIGHT = [30] * 3, [30] * 8


def test_there_are_fourteen():
    assert set(STATEMENTS) == {f"L{number}" for number in range(1, 15)}


def test_verdicts_follow_the_numbers():
    def verdict(holds, *limits):
        return Result("", holds, list(limits), {}, None).verdict

    assert verdict(True) == HOLDS and verdict(False) == FAILS and verdict(False, "l") == FAILS
    assert (
        verdict(True, *limit(True, "l")) == LIMITED and verdict(True, *limit(False, "l")) == HOLDS
    )


def test_the_network_s_gradients_are_right():
    """Against difference quotients, with the offset and in float64: all else rests on it."""
    x, _, label, _ = digits()
    network = Network("tanh", [5, 4], 0, offset=0.25, dtype=np.float64)
    x, label = x[:20], label[:20]
    gradients = network.backward(network.forward(x), label)[1]
    for parameter, gradient in zip(network.parameters, gradients):
        place, step = tuple(s // 2 for s in parameter.shape), 1e-6
        parameter[place] += step
        above = network.loss(x, label)
        parameter[place] -= 2 * step
        below = network.loss(x, label)
        parameter[place] += step
        assert (above - below) / (2 * step) == pytest.approx(gradient[place], rel=1e-4, abs=1e-9)


def test_l1_sigmoid_gradients_fall_four_to_five_times_a_layer():
    falls = {n: gradients.fall(gradients.gradient_norms(n, EIGHT, 4)) for n in ("sigmoid", "relu")}
    assert 4 < falls["sigmoid"] < 5
    assert 0.7 < falls["relu"] < 1.5  # the control
    nielsen = gradients.gradient_norms("sigmoid", THREE, 8, biases=1.0)
    assert 4 < gradients.fall(nielsen) < 6.5
    assert fastact.sigmoid_derivative(10.0) < 1e-4 < 0.25 == fastact.sigmoid_derivative(0.0)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_l2_large_weights_saturate(activation):
    small, large = (
        gradients.saturated_share(gradients.start(activation, [64] * 3, 0, scale))
        for scale in (1, 30)
    )
    assert small < 0.05 and large > 0.6


def test_l2_leaky_relu_cannot_saturate():
    assert gradients.saturated_share(gradients.start("leaky_relu", [64] * 3, 0, 30)) == 0


def test_l3_gradients_share_a_sign():
    assert centring.same_sign_share("sigmoid", 1) == 1
    assert 0.7 < centring.same_sign_share("sigmoid", 64) < 0.99  # softened by the batch
    for control in ("tanh", 0.0), ("sigmoid", 0.5):
        assert centring.same_sign_share(control[0], 1, offset=control[1]) < 0.7


def test_l3_centring_alone_is_faster():
    plain, centred = (
        np.mean([centring.steps_to_loss("sigmoid", 3.0, s, 0.2, offset=o) for s in range(2)])
        for o in (0.0, 0.5)
    )
    assert plain > 1.15 * centred
    assert centring.detour(centring.zigzag(False)) > 2 * centring.detour(centring.zigzag(True))


def test_l4_exp_costs_more_than_max():
    assert cost.ratio_to("sigmoid", "relu", "16 K", 0.2) > 1.3
    assert 0.5 < cost.ratio_to("relu", "relu", "16 K", 0.2) < 2  # the control
    shares = {name: cost.share_of_step(name, 2) for name in ("relu", "sigmoid")}
    assert 0 < shares["relu"] < shares["sigmoid"] < 1


def test_l5_tanh_is_centred_and_saturates():
    x = np.random.default_rng(0).standard_normal(10**5)
    assert abs(fastact.tanh(x).mean()) < 0.02 and abs(fastact.sigmoid(x).mean() - 0.5) < 0.02
    assert fastact.tanh_derivative(5.0) < 1e-3 < fastact.sigmoid_derivative(5.0)


def test_l6_relu_passes_gradients_through_depth():
    falls = {
        n: gradients.fall(gradients.gradient_norms(n, [64] * 12, 3)) for n in ("relu", "sigmoid")
    }
    assert 0.7 < falls["relu"] < 1.4 and falls["sigmoid"] > 3


@pytest.fixture(scope="module")
def afterlife():
    runs = [death.after_death("relu", death.DEADLY, 8, seed) for seed in range(4)]
    return {key: sum(run[key] for run in runs) for key in runs[0]}


def test_l7_units_die_at_a_high_rate():
    low, high = (
        np.mean([death.end_of_run("relu", r, 8, s)[0] for s in range(3)]) for r in (0.1, 2.0)
    )
    assert low < 0.02 and high > 0.2


def test_l7_the_dead_do_not_move(afterlife):
    """Bit for bit, and they pass exactly nothing on; the living, the control, move."""
    assert afterlife["stayed"] > 5
    assert afterlife["stayed, kept"] == afterlife["stayed"]
    assert afterlife["gradient"] == 0
    assert afterlife["living, kept"] < 0.1 * afterlife["living"]
    assert afterlife["stayed"] + afterlife["revived"] == afterlife["dead"]


def test_l7_momentum_moves_even_the_dead():
    """Why the statement is about plain SGD: a velocity outlives the gradient that made it."""
    network = Network("relu", [16, 16], 0)
    data, updates = digits(), OPTIMIZERS["momentum"](network.parameters)
    for _ in range(3):
        step = updates(network.backward(network.forward(data[0]), data[2])[1], 0.1)
        for p, u in zip(network.parameters, step):
            p += u
    network.biases[0][0] = -1e3
    _, by_parameter = network.backward(network.forward(data[0]), data[2])
    assert not by_parameter[0][:, 0].any()
    assert updates(by_parameter, 0.1)[0][:, 0].any()
    assert not OPTIMIZERS["SGD"](network.parameters)(by_parameter, 0.1)[0][:, 0].any()


def test_l7_the_sign_of_the_bias_gradient_decides():
    before, after = death.one_step_of_bias(1, 50.0)
    assert 0.3 < before < 0.7 and after == 0
    assert death.one_step_of_bias(-1, 50.0)[1] == 1
    assert abs(death.one_step_of_bias(1, 1e-3)[1] - before) < 0.01  # the control: a low rate


def test_l8_leaky_relu_has_no_dead():
    for rate in 0.1, 2.0:
        assert death.end_of_run("leaky_relu", rate, 8, 0)[0] == 0
    monitor, z = Monitor({"leaky": "leaky_relu", "relu": "relu"}), np.full((200, 8), -9.0)
    for name in "leaky", "relu":
        monitor.layer(name, z)
    assert not monitor.dead("leaky").any() and monitor.dead("relu").all()


@pytest.mark.parametrize("share", [0.2, 0.6])
def test_l9_dropout_is_drawn_anew_and_death_is_not(share):
    assert death.silent_overlap("dropout", share=share) == pytest.approx(share, abs=0.08)
    assert death.silent_overlap("dead", share=share) == 1


def test_l9_dropout_narrows_the_gap():
    plain, dropped = (death.gaps(kind, 60, 4)[:, 0].mean() for kind in ("neither", "dropout"))
    assert dropped < plain


@pytest.mark.parametrize("width, depth", [(2, 10), (2, 3), (4, 10)])
def test_l10_born_dead(width, depth):
    networks = 10_000
    known = death.born_dead_formula(width, depth)
    error = np.sqrt(known * (1 - known) / networks)
    assert abs(death.born_dead(width, depth, networks) - known) < 4 * error
    assert death.born_dead(width, depth, 500, activation="leaky_relu") == 0


def test_l10_the_known_number():
    assert round(100 * death.born_dead_formula(2, 10), 2) == 94.37


def test_l11_products_stay_below_the_bound():
    sigmoid, tanh = (gradients.path_products(n, 8, paths=500) for n in ("sigmoid", "tanh"))
    bound = 0.25 ** np.arange(1, 9)
    assert (sigmoid <= bound * (1 + 1e-12)).all() and sigmoid[:, -1].mean() > bound[-1] / 10
    assert (tanh <= 1).all() and tanh[:, -1].mean() > 1e-3  # the control: no such fall
    assert gradients.steepest("sigmoid") == 0.25 and gradients.steepest("tanh") == 1


def test_l12_equal_weights_stay_equal():
    rank, gap, accuracy = centring.hidden_rank(True, 5)
    assert rank == 1 and gap < 1e-9
    free, apart, better = centring.hidden_rank(False, 5)
    assert free > 20 and apart > 0.1 and better > accuracy + 0.2


def test_l13_means(row):
    """The mean is 0 exactly for the rows that say so."""
    _, mean = centring.at_zero_and_mean(row.name)
    assert (abs(mean) < 1e-9) == row.zero_centred


def test_l13_known_numbers():
    assert centring.at_zero_and_mean("sigmoid")[0] == 0.5
    zero, mean = centring.at_zero_and_mean("relu")
    assert zero == 0 and mean == pytest.approx(1 / np.sqrt(2 * np.pi), abs=1e-6)


def test_l14_small_inputs_hit_plain_sgd():
    def best(optimizer, trouble):
        rates = [1e-2, 1e-1, 1.0]
        return optimizers.sweep(optimizer, trouble, rates, 4, 1)[:, 0].max()

    assert best("Adam", "inputs times 1/30") > best("SGD", "inputs times 1/30") + 0.1
    assert abs(best("Adam", "none") - best("SGD", "none")) < 0.05  # the control


def test_runs_repeat():
    """Seeds are fixed: the same numbers in every run."""
    first, second = (train(Network("relu", [8], 3), digits(), 0.1, 1, 3).weights for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, second))
    assert (Network("relu", [8], 3).weights[0] != first[0]).any()


def test_the_script(tmp_path):
    script = Path(centring.__file__).parents[1] / "lecture.py"
    command = [sys.executable, script, "--quick", "--only", "L13", "L10", "--output", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "94.3" in done.stdout and "holds with a limit" in done.stdout
    told = json.loads((tmp_path / "lecture.json").read_text())["statements"]
    assert list(told) == ["L10", "L13"]
    assert set(told["L13"]["numbers"]) == set(ACTIVATIONS)
    page = (tmp_path / "lecture.html").read_text()
    assert page.count("<svg role") == 2 and "L7" not in page
    wrong = subprocess.run([*command[:3], "--only", "L15"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "L15" in wrong.stderr
