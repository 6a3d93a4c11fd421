"""A stranger's module, loss and data: what is taken as it comes, and what is refused."""

import warnings

import pytest
import torch
from toolkit import Network, is_one_sentence, random
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from rodflow_core.objective import ModuleObjective

ROUNDING = {"rtol": 1e-12, "atol": 1e-14}
N = 40
NETWORK = Network(n=N)
DATA = NETWORK.inputs, NETWORK.targets
LABELLED = NETWORK.inputs, NETWORK.targets.argmax(1)


def own_mean(outputs, targets):
    return (outputs - targets).abs().pow(3).mean()


# torch's losses as they come, with the data they take, and the same mean written by hand.
MEANS = {
    "MSELoss": (nn.MSELoss(), DATA, lambda out, y: (out - y).square().sum() / (N * 10)),
    "CrossEntropyLoss": (
        nn.CrossEntropyLoss(),
        LABELLED,
        lambda out, y: -out.log_softmax(1)[torch.arange(N), y].sum() / N,
    ),
    "a function": (own_mean, DATA, lambda out, y: (out - y).abs().pow(3).sum() / (N * 10)),
}


def loader(data, size, **options):
    return DataLoader(TensorDataset(*data), batch_size=size, **options)


# The same forty examples in every form that data come in; 7, 16 and 3 + 37 leave unequal batches.
FORMS = {
    "two tensors": lambda data: (data, {}),
    "a list of two tensors": lambda data: (list(data), {}),
    "microbatches of one": lambda data: (data, {"microbatch": 1}),
    "microbatches of seven": lambda data: (data, {"microbatch": 7}),
    "a loader": lambda data: (loader(data, 16), {}),
    "a loader of whole batches": lambda data: (loader(data, 10), {}),
    "a list of two batches": lambda data: ([tuple(x[:3] for x in data),
                                            tuple(x[3:] for x in data)], {}),
    "a list with an empty batch": lambda data: ([tuple(x[:0] for x in data), data], {}),
    "a generator": lambda data: (iter(loader(data, 16)), {}),
    "vectorised": lambda data: (loader(data, 16), {"stacked": True}),
}  # fmt: skip


def refused(*arguments, **options):
    with pytest.raises(ValueError) as caught:
        ModuleObjective(*arguments, **options)
    assert is_one_sentence(str(caught.value)), caught.value
    return str(caught.value)


# --- a mean is a mean, whatever the batches ------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", MEANS)
def test_a_mean_loss_is_the_mean_over_all_examples(name, form):
    loss, data, by_hand = MEANS[name]
    given, options = FORMS[form](data)
    objective = ModuleObjective(NETWORK.module, given, loss, reduction="mean", **options)
    assert objective.examples == N

    def expected(w):
        return by_hand(NETWORK.outputs(w), data[1])

    points = torch.stack([NETWORK.weights(seed) for seed in (1, 2)])
    v = random(3, objective.dim)
    torch.testing.assert_close(objective.value(points[0]), expected(points[0]), **ROUNDING)
    gradients = torch.stack([torch.func.grad(expected)(w) for w in points])
    torch.testing.assert_close(objective.gradients(points), gradients, **ROUNDING)
    product = torch.func.jvp(torch.func.grad(expected), (points[0],), (v,))[1]
    for _ in range(2):  # the same product serves every vector
        torch.testing.assert_close(objective.hvp(points[0])(v), product, **ROUNDING)


@pytest.mark.parametrize("form", FORMS)
def test_a_loss_for_each_example_is_the_mean_over_all_examples(form):
    given, options = FORMS[form](DATA)
    objective = ModuleObjective(NETWORK.module, given, **options)
    w = NETWORK.weights(1)
    torch.testing.assert_close(objective.value(w), NETWORK.loss(w), **ROUNDING)
    gradient = torch.func.grad(NETWORK.loss)(w)
    torch.testing.assert_close(objective.gradients(w[None])[0], gradient, **ROUNDING)


@pytest.mark.parametrize("form", FORMS)
def test_the_digest_is_that_of_the_examples_and_not_of_the_batches(form):
    given, options = FORMS[form](DATA)
    whole = ModuleObjective(NETWORK.module, DATA).digest()
    assert ModuleObjective(NETWORK.module, given, **options).digest() == whole


def test_the_digest_knows_the_order_the_targets_and_the_dtype():
    inputs, targets = DATA
    others = [
        (inputs.flip(0), targets.flip(0)),
        (inputs, targets.roll(1, 0)),
        (inputs, targets.float()),
        (inputs[:-1], targets[:-1]),
    ]
    digests = [ModuleObjective(NETWORK.module, d).digest() for d in (DATA, *others)]
    assert len(set(digests)) == 5


# --- what a loss may give ------------------------------------------------------------------------


@pytest.mark.parametrize("name", MEANS)
def test_a_mean_that_is_not_called_one_is_refused(name):
    loss, data, _ = MEANS[name]
    message = refused(NETWORK.module, data, loss)
    assert 'reduction="mean"' in message and "(40,)" in message


@pytest.mark.parametrize("form", ["two tensors", "microbatches of one", "a loader"])
@pytest.mark.parametrize(
    ("loss", "data"),
    [
        (nn.MSELoss(reduction="sum"), DATA),
        (nn.CrossEntropyLoss(reduction="sum"), LABELLED),
        (nn.CrossEntropyLoss(weight=torch.linspace(1, 2, 10).double()), LABELLED),
        (nn.CrossEntropyLoss(ignore_index=int(LABELLED[1][0])), LABELLED),
        (lambda out, y: (out - y).square().mean().sqrt(), DATA),
    ],
    ids=["a sum", "a sum of logs", "class weights", "examples ignored", "a root of a mean"],
)
def test_what_is_no_mean_over_the_examples_is_refused(loss, data, form):
    given, options = FORMS[form](data)
    message = refused(NETWORK.module, given, loss, reduction="mean", **options)
    assert "expected a mean over the examples" in message


@pytest.mark.parametrize("where", ["all alike", "sorted"])
def test_class_weights_do_not_hide(where):
    """At a start of zeros all losses are alike; in sorted data a batch may hold one class only."""
    module, data = nn.Linear(16, 10).double(), LABELLED
    order = data[1].argsort()
    if where == "all alike":
        for p in module.parameters():
            nn.init.zeros_(p)
    else:
        data = [tuple(x[i] for x in data) for i in order.split(3)]
    loss = nn.CrossEntropyLoss(weight=torch.linspace(1, 2, 10).double())
    assert "class weights" in refused(module, data, loss, reduction="mean")


def test_a_loss_for_each_example_is_not_called_a_mean():
    loss = nn.CrossEntropyLoss(reduction="none")
    ModuleObjective(NETWORK.module, LABELLED, loss)
    assert "(40,)" in refused(NETWORK.module, LABELLED, loss, reduction="mean")


def test_a_number_for_each_output_is_refused():
    message = refused(NETWORK.module, DATA, nn.MSELoss(reduction="none"))
    assert "(40, 10)" in message and "(40,)" in message


def test_an_unknown_reduction_is_refused():
    assert "'sum'" in refused(NETWORK.module, DATA, nn.MSELoss(), reduction="sum")


# --- what a module may do ------------------------------------------------------------------------


class Noise(nn.Module):
    def forward(self, x):
        return x + 1e-6 * torch.rand_like(x)


def sandwich(layer):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(16, 5), layer, nn.Tanh(), nn.Linear(5, 10)).double()


@pytest.mark.parametrize("layer", [nn.Dropout(0.1), nn.AlphaDropout(0.5), Noise()], ids=repr)
def test_randomness_is_refused(layer):
    assert "not deterministic" in refused(sandwich(layer), DATA)


def test_randomness_behind_a_layer_of_zeros_is_refused():
    module = sandwich(nn.Dropout())
    nn.init.zeros_(module[-1].weight)
    assert "not deterministic" in refused(module, DATA)


def test_batch_normalisation_is_refused_in_training_mode_and_named():
    message = refused(sandwich(nn.BatchNorm1d(5)), DATA)
    assert "layer '1'" in message and "module.eval()" in message
    assert "BatchNorm1d" in refused(nn.BatchNorm1d(16).double(), (DATA[0], DATA[0]))


def test_batch_normalisation_without_statistics_is_refused_in_either_mode():
    module = sandwich(nn.BatchNorm1d(5, track_running_stats=False)).eval()
    assert "running statistics" in refused(module, DATA)


@pytest.mark.parametrize("layer", [nn.Dropout(), nn.BatchNorm1d(5)], ids=repr)
def test_in_evaluation_mode_both_are_functions(layer):
    module = sandwich(layer).eval()
    whole = ModuleObjective(module, DATA)
    split = ModuleObjective(module, DATA, microbatch=7)
    w = whole.initial_weights()
    torch.testing.assert_close(split.value(w), whole.value(w), **ROUNDING)


def test_normalisation_by_the_example_is_a_function():
    ModuleObjective(sandwich(nn.LayerNorm(5)), DATA)


def test_who_knows_better_may_leave_the_check_out():
    objective = ModuleObjective(sandwich(nn.BatchNorm1d(5)), DATA, check=False)
    w = objective.initial_weights()
    assert torch.equal(objective.value(w), objective.value(w))


def test_a_loss_that_is_nan_is_not_called_random():
    ModuleObjective(sandwich(nn.Tanh()), (DATA[0] * torch.nan, DATA[1]))


def test_frozen_parameters_stay_what_they_are_and_out_of_the_vector():
    module = Network(n=N, seed=3).module
    module[0].requires_grad_(False)
    kept = [p.detach().clone() for p in module.parameters()]
    objective = ModuleObjective(module, DATA)
    assert objective.dim == 4 * 10 + 10
    last = torch.cat([p.flatten() for p in kept[2:]])
    assert torch.equal(objective.initial_weights(), last)
    w = random(4, objective.dim)
    full = torch.cat([*(p.flatten() for p in kept[:2]), w])
    torch.testing.assert_close(objective.value(w), NETWORK.loss(full), **ROUNDING)
    gradient = torch.func.grad(NETWORK.loss)(full)[-objective.dim :]
    torch.testing.assert_close(objective.gradients(w[None])[0], gradient, **ROUNDING)
    hessian = torch.func.hessian(NETWORK.loss)(full)[-objective.dim :, -objective.dim :]
    v = random(5, objective.dim)
    torch.testing.assert_close(objective.hvp(w)(v), hessian @ v, **ROUNDING)
    assert all(map(torch.equal, module.parameters(), kept))
    assert [p.requires_grad for p in module.parameters()] == [False, False, True, True]


def test_nothing_to_train_is_refused():
    module = Network(n=N).module.requires_grad_(False)
    assert "no parameter that requires a gradient" in refused(module, DATA)


def test_tied_weights_are_one_block_of_the_vector():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.encode, self.decode = nn.Linear(16, 16, bias=False), nn.Linear(16, 16, bias=False)
            self.decode.weight = self.encode.weight

        def forward(self, x):
            return self.decode(self.encode(x).tanh())

    objective = ModuleObjective(Tied().double(), (DATA[0], DATA[0]))
    assert objective.dim == 256
    w = random(6, 256)

    def by_hand(w):
        m = w.view(16, 16)
        return 0.5 * ((DATA[0] @ m.T).tanh() @ m.T - DATA[0]).square().sum() / N

    gradient = torch.func.grad(by_hand)(w)
    torch.testing.assert_close(objective.gradients(w[None])[0], gradient, **ROUNDING)


# --- what data may be ----------------------------------------------------------------------------


def test_a_shuffling_loader_is_refused():
    assert "shuffle" in refused(NETWORK.module, loader(DATA, 16, shuffle=True))


def test_data_drawn_at_random_are_refused():
    class Augmented(TensorDataset):
        def __getitem__(self, i):
            x, y = super().__getitem__(i)
            return x + 0.01 * torch.randn_like(x), y

    assert "at random" in refused(NETWORK.module, DataLoader(Augmented(*DATA), batch_size=16))


def test_a_generator_is_gone_through_once():
    served = []

    def batches():
        for batch in loader(DATA, 16):
            served.append(len(batch[0]))
            yield batch

    objective = ModuleObjective(NETWORK.module, batches())
    w = objective.initial_weights()
    assert torch.equal(objective.value(w), objective.value(w)) and served == [16, 16, 8]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([], "empty"),
        ([tuple(x[:0] for x in DATA)], "empty"),
        ([DATA[0]], "expected pairs"),
        ([(*DATA, DATA[0])], "expected pairs"),
        ([{"inputs": DATA[0]}], "expected pairs"),
        (list(zip(*LABELLED, strict=True)), "expected pairs of tensors"),  # single examples
        ([(DATA[0].numpy(), DATA[1].numpy())], "expected pairs of tensors"),
        ([DATA, (DATA[0][:3], DATA[1][:2])], "3 inputs but 2 targets"),
    ],
    ids=range(8),
)
def test_data_in_another_form_are_refused_in_one_sentence(data, says):
    assert says in refused(NETWORK.module, data)


def test_the_documentation_of_torch_is_followed_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ModuleObjective(NETWORK.module, LABELLED, nn.CrossEntropyLoss(), reduction="mean")
