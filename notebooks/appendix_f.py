# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # F. Backward error analysis
#
# **The claim.** A map $z\mapsto z+F(z)$ moves its points as the flow of some other field $\tilde F$ does,
# which can be written down order by order {cite:p}`hairer2006geometric`: $F$ itself, then a correction
# of two factors $F$, then one of three. For Adam's rod flow the first correction costs one
# Hessian-vector product per end of the rod, and changes nothing that one could see
# {cite:p}`regis2026adam`. This page derives the terms, measures their orders, and shows why they
# do not help where the rod is needed.

# %% tags=["parameters", "hide-input"]
learning_rate = 0.1  # a finite number above 0 and at most 1
beta1_value = 0.1  # a finite number of at least 0 and below 1
warmup = 60  # a whole number of at least 3 and at most 10000
ahead = 40  # a whole number of at least 2 and at most 10000
substeps = 4  # a whole number of at least 1 and at most 100
figures = "build/figures"  # a folder that can be made or written to

# %% tags=["hide-input"]
from rodflow_book.notebook import check_parameters, one_thread, show
from rodflow_core.experiments.parameters import real, whole

check_parameters(
    globals(),
    "figures",
    learning_rate=real(above=0, most=1),
    beta1_value=real(least=0, below=1),
    warmup=whole(least=3, most=10_000),
    ahead=whole(least=2, most=10_000),
    substeps=whole(least=1, most=100),
)
one_thread()

# %% [markdown]
# ## F.1 A flow through the iterates
#
# Usually one approximates a flow by a map. Turn it round. Given the map, we seek a field whose flow
# goes through its iterates, exactly, at whole times:
#
# (eq-244)=
# (eq-245)=
# \begin{align}
# z_{t+1}&=z_t+F(z_t),\tag{244}\\
# \dot z&=\tilde F(z),\qquad z(t)=z_t\ \Rightarrow\ z(t+1)=z_{t+1}.\tag{245}
# \end{align}
#
# One unit of time of a smooth flow is its Taylor series,
#
# (eq-246)=
# $$
# z(t+1)=z(t)+\dot z(t)+\tfrac12\,\ddot z(t)+\tfrac16\,\dddot z(t)+\dots\tag{246}
# $$
#
# and the derivatives in it are derivatives of the field along itself. The operator that takes a
# function $\varphi$ to its rate of change along the flow is the Lie derivative,
# $\mathcal L_{\tilde F}\varphi=D\varphi\,\tilde F$. So $\dot z=\mathcal L_{\tilde F}z=\tilde F$,
# $\ddot z=\mathcal L_{\tilde F}^2z=D\tilde F\,\tilde F$, and so on: the series is an exponential,
#
# (eq-247)=
# (eq-248)=
# (eq-249)=
# \begin{align}
# z(t+1)&=e^{\mathcal L_{\tilde F}}z\,\big|_{z(t)},\tag{247}\\
# F(z)&=\big(e^{\mathcal L_{\tilde F}}-1\big)\,z,\tag{248}\\
# F&=\tilde F+\tfrac12\,D\tilde F\,\tilde F+\tfrac16\,\mathcal L_{\tilde F}^2\tilde F+\dots\tag{249}
# \end{align}
#
# The second is {ref}`(247) <eq-247>` equated with {ref}`(244) <eq-244>`, the third the second, written out.
# On a linear field both sides are known in closed form, which is a test of the series: for
# $\tilde F=Bz$ it is that of $e^B-1$.

# %%
import numpy as np
import sympy as sp

from rodflow_book.derivations import appendix_f as bea
from rodflow_book.derivations.checks import close, same
from rodflow_book.derivations.printed import Page
from rodflow_core import theory

page = Page("appendix_f")
moved = bea.iterate(lambda z: np.array([[0.5, -1], [0.25, 0.5]]) @ z, [1.0, 2.0], 1.0, 1)[1]
matrix = sp.Matrix([[sp.Rational(1, 2), -1], [sp.Rational(1, 4), sp.Rational(1, 2)]])
names = {"z_t": sp.Matrix([1, 2]), "z_{t+1}": sp.Matrix(moved), "F": lambda z: matrix * z}
page.defines(244, names)

B = sp.Matrix(2, 2, sp.symbols("b_1:5", real=True))
x, y = sp.symbols("x y", real=True)
point = sp.Matrix([x, y])
orders = bea.flow_orders([B * point], (x, y), 4)
powers = [B, B**2 / 2, B**3 / 6, B**4 / 24]
same((246, 247, 248, 249), orders, [power * point for power in powers])

logistic = sp.Matrix([x * (1 - x)])  # a nonlinear one, with a known flow
time = sp.Symbol("t")
grow, first = sp.symbols("a z_0", positive=True)  # z -> z + a z, and the flow through its iterates
through = first * (1 + grow) ** time
names = {"z": through, r"\dot z": through.diff(time), r"\tilde F": lambda z: sp.log(1 + grow) * z}
names |= {"z(t)": through, "z(t+1)": through.subs(time, time + 1)}
page.holds(245, names | {"z_t": through, "z_{t+1}": through + grow * through})
cubic = sum(sp.Symbol(f"c_{k}") * time**k for k in range(4))  # no terms after the third
names = {"z(t+1)": cubic.subs(time, time + 1), "z(t)": cubic, r"\dots": 0}
for k, dots in enumerate((r"\dot", r"\ddot", r"\dddot"), 1):
    names[rf"{dots} z(t)"] = cubic.diff(time, k)
page.holds(246, names)
flow = x / (x + (1 - x) * sp.exp(-time))
same(245, flow.diff(time), flow * (1 - flow))
taylor = [sp.diff(flow, time, k).subs(time, 0) / sp.factorial(k) for k in (1, 2, 3, 4)]
same((246, 249), [order[0] for order in bea.flow_orders([logistic], (x,), 4)], taylor)


def D(field, along):
    """Derivative of a field along another."""
    return bea.lie(field, along, plane)


D.takes = 2
# A linear field of four dimensions whose fourth power vanishes: every series on this page ends.
nilpotent = sp.Matrix(4, 4, lambda i, j: sp.Symbol(f"n_{i}{j}", real=True) if i < j else 0)
plane = sp.symbols("z_1:5", real=True)
state = sp.Matrix(plane)
field = nilpotent * state
step = sum(bea.flow_orders([field], plane, 4), sp.zeros(4, 1))
names = {"z(t+1)": state + step, r"z\,\big|_{z(t)}": state, "z": state, "F(z)": step, "F": step}
names |= {r"\mathcal L_{\tilde F}": nilpotent, "e": bea.Exponential(), "1": sp.eye(4)}
page.holds((247, 248), names)
names |= {r"\tilde F": field, "D": D, r"\dots": sp.zeros(4, 1)}
page.holds(249, {key: value for key, value in names.items() if key != "1"})

# %% [markdown]
# **Inversion.** Count factors of $F$, and suppose that $\tilde F$ is a series in them:
#
# (eq-250)=
# (eq-251)=
# \begin{align}
# \tilde F&=f_1+f_2+f_3+\dots,\tag{250}\\
# F&=(f_1+f_2+f_3+\dots)+\tfrac12\,D(f_1+f_2+\dots)\,(f_1+f_2+\dots)
# +\tfrac16\,D\big(D(f_1+\dots)(f_1+\dots)\big)(f_1+\dots)+\dots,\tag{251}
# \end{align}
#
# where $f_k$ holds $k$ factors. On the left stands one factor, so that the first order is
#
# (eq-252)=
# $$
# f_1=F,\tag{252}
# $$
#
# and all others must vanish. There are two terms of second order, the field $f_2$ itself and the leading
# term of the next sum:
#
# (eq-253)=
# (eq-254)=
# \begin{align}
# 0&=f_2+\tfrac12\,Df_1\,f_1,\tag{253}\\
# f_2&=-\tfrac12\,DF\,F.\tag{254}
# \end{align}
#
# Of third order are $f_3$, the two mixed products, and the leading term of the third sum:
#
# (eq-255)=
# $$
# f_3=-\tfrac12\,\big(Df_2\,f_1+Df_1\,f_2\big)-\tfrac16\,D(Df_1\,f_1)\,f_1.\tag{255}
# $$
#
# By {ref}`(253) <eq-253>`, $Df_1f_1$ is $-2f_2$, so the last term is $+\frac13Df_2f_1$, and
# $-\frac12+\frac13=-\frac16$:
#
# (eq-256)=
# $$
# f_3=-\tfrac12\,Df_1\,f_2-\tfrac16\,Df_2\,f_1.\tag{256}
# $$
#
# Only Jacobian-vector products of the orders before; so it goes on. SymPy, with a map of the plane of
# which nothing is known: `corrections` finds the fields by matching orders, and `mismatch` puts given
# fields into {ref}`(251) <eq-251>` and returns what is left.

# %%
inverse = bea.corrections(field, plane)  # now the linear map z + F(z); its flow is the logarithm's
whole = nilpotent - nilpotent**2 / 2 + nilpotent**3 / 3
same(250, (whole.exp() - sp.eye(4)) * state, field)
names = {f"f_{k}": part for k, part in enumerate(inverse, 1)}
names |= {r"\tilde F": whole * state, "F": field, "D": D, r"\dots": sp.zeros(4, 1)}
page.holds((250, 251), names)

F, plane = bea.unknown_map()
f1, f2, f3 = bea.corrections(F, plane)
names = {"F": F, "f_1": f1, "f_2": f2, "f_3": f3, "D": D}
page.holds((252, 253, 254, 255, 256), names)
page.holds(257, names | {r"\tilde F": f1 + f2})
stated = [F, -D(F, F) / 2, D(F, D(F, F)) / 4 + D(D(F, F), F) / 12]
same((250, 251), bea.mismatch(stated, F, plane), sp.zeros(6, 1))

# %% [markdown]
# The linear map again, $F=Az$: the series must be that of a logarithm, $\log(1+A)=A-\frac12A^2+\frac13A^3-\dots$,
# since the flow of $\tilde F=\log(1+A)\,z$ over one unit of time is $1+A$. The library has these as
# `backward_error_term`.

# %%
linear = bea.corrections(B * point, (x, y))
same((254, 256), linear, [(-1) ** (k + 1) * B**k / k * point for k in (1, 2, 3)])
draw = np.random.default_rng(6)
for _ in range(5):
    A = 0.3 * draw.normal(size=(2, 2))
    values = dict(zip(B, A.ravel(), strict=True))
    for k in (1, 2, 3):
        matrix = np.array(linear[k - 1].jacobian([x, y]).subs(values), dtype=float)
        close((252, 254, 256), theory.backward_error_term(A, k), matrix, 1e-12)
    partial = sum(theory.backward_error_term(A / 4, k) for k in range(1, 60))
    close(248, partial, theory.backward_error_field(A / 4), 1e-12)

# %% [markdown]
# ## Orders, measured
#
# A derivation of a series may be right and its meaning wrong. So: the map $z\mapsto z+hF(z)$ with heavy
# ball's $F$ on a bumpy loss, from one start over a time of $4/h$ steps, against the flow of the first
# one, two, three fields, integrated to rounding. After a fixed time in units of $1/h$ the error has to
# shrink like $h$, $h^2$, $h^3$ ({numref}`fig-f-orders`).

# %%
w, m = plane
momentum = sp.Rational(1, 2)
slope = 2 * sp.sin(w) + w**3 / 2
heavy_ball = sp.Matrix([-(momentum * m + (1 - momentum) * slope), (1 - momentum) * (slope - m)])
fields = [bea.numeric(field, plane) for field in bea.corrections(heavy_ball, plane)]
start = np.array([1.2, -0.3])
scales = 1 / np.array([8, 16, 32, 64])
errors = {1: [], 2: [], 3: []}
for scale in scales:
    count = round(4 / scale)
    last = bea.iterate(fields[0], start, scale, count)[-1]
    for kept in errors:
        reached = bea.integrate(fields[:kept], start, scale, count)[-1]
        errors[kept].append(np.linalg.norm(reached - last))
orders = {kept: bea.measured_order(scales, values) for kept, values in errors.items()}
for kept, order in orders.items():
    assert abs(order - kept) < 0.2, f"{kept} fields must make an error of order {kept}, not {order}"
    print(f"{kept} field{'s' * (kept > 1)}: an error of order {order:.2f}")

# %% tags=["remove-cell"]
import pandas as pd

from rodflow_book.figures import files
from rodflow_book.figures.appendix_f import edge_figure, orders_figure

LARGE = 0.25
few = round(8 / LARGE)
points = bea.iterate(fields[0], start, LARGE, few)
curves = {kept: bea.integrate(fields[:kept], start, LARGE, few, 20) for kept in errors}
about = files.page_manifest(
    "notebooks/appendix_f.py",
    learning_rate=learning_rate,
    beta1=beta1_value,
    warmup=warmup,
    ahead=ahead,
    substeps=substeps,
)
order_table = pd.DataFrame({"h": scales, **{f"error_{k}": v for k, v in errors.items()}})
files.save(
    "f-orders",
    lambda: orders_figure(scales, errors, orders, points, curves),
    order_table,
    figures,
    manifest=about,
    alt="Left: iterates of heavy ball with a large step spiral in; the flow of one field leaves them "
    "at once, that of two is close, that of three goes through them. Right: error against step on "
    f"logarithmic axes, with measured slopes {orders[1]:.2f}, {orders[2]:.2f} and {orders[3]:.2f}.",
)

# %% [markdown]
# ```{figure} ../figures/f-orders.svg
# :name: fig-f-orders
# :alt: Left, iterates of heavy ball with a large step spiral in; the flow of one field leaves them at once, that of two is close, that of three goes through them. Right, error against step on logarithmic axes, on lines of slope one, two and three.
#
# **Each field makes the flow more accurate by an order of $h$.** Left: iterates at $h=\frac14$ and
# the flows of one, two and three fields. Right: distance after a time of $4/h$ steps, with the
# slope that a regression finds.
# ```
#
# ## F.2 The correction of Adam's rod flow
#
# The centre of the rod is moved by the mean of the displacements at its ends. Its field, with the
# first correction, is
#
# (eq-257)=
# $$
# \tilde F=F-\tfrac12\,DF\,F,\tag{257}
# $$
#
# where $F$ is now that mean as a function of the centre $(\bar w,\bar m)$:
#
# (eq-258)=
# (eq-259)=
# \begin{align}
# F^w&=-\eta\,P^{-1}\big(\beta_1\bar m+(1-\beta_1)\,\bar g\big),\tag{258}\\
# F^m&=(1-\beta_1)\,(\bar g-\bar m).\tag{259}
# \end{align}
#
# Only the centre is corrected; extent and second moment, the one much faster and the other much slower,
# are left as they are, and $P$ is held fixed in the derivative. The centre enters $\bar g$ through both
# ends, and its derivative is the mean Hessian $\bar H=\frac12(H_++H_-)$. So
#
# (eq-260)=
# (eq-261)=
# \begin{align}
# \partial_wF^w&=-\eta\,(1-\beta_1)\,P^{-1}\bar H,&\partial_mF^w&=-\eta\,\beta_1P^{-1},\tag{260}\\
# \partial_wF^m&=(1-\beta_1)\,\bar H,&\partial_mF^m&=-(1-\beta_1)\,I.\tag{261}
# \end{align}
#
# In the plane, with a loss of which nothing is known:

# %%
from rodflow_book.derivations.symbols import beta1, eta

weights = sp.symbols("w_1 w_2", real=True)
moments = sp.symbols("m_1 m_2", real=True)
half = sp.Matrix(sp.symbols("d_1 d_2", real=True))
P_inverse = sp.diag(*sp.symbols("p_1 p_2", positive=True))
loss = sp.Function("L")(*sp.symbols("u_1 u_2", real=True))
arguments = loss.args
gradient, hessian = sp.Matrix([loss]).jacobian(arguments).T, sp.hessian(loss, arguments)


def at_end(field, sign):
    """A field of the loss at one end of the rod."""
    ends = sp.Matrix(weights) + sign * half
    return field.subs(dict(zip(arguments, ends, strict=True)), simultaneous=True)


g_bar = (at_end(gradient, 1) + at_end(gradient, -1)) / 2
H_bar = (at_end(hessian, 1) + at_end(hessian, -1)) / 2
m_bar = sp.Matrix(moments)
mu = sp.Matrix(sp.symbols("mu_1 mu_2", real=True))
F_w, F_m = sp.zeros(2, 1), sp.zeros(2, 1)
for sign in (1, -1):  # the mean of one step from either end
    moment = beta1 * (m_bar + sign * mu) + (1 - beta1) * at_end(gradient, sign)
    F_w, F_m = F_w - eta * P_inverse * moment / 2, F_m + (moment - m_bar - sign * mu) / 2
names = {r"\eta": eta, r"\beta_1": beta1, "P": P_inverse**-1, r"\bar m": m_bar, "I": sp.eye(2)}
page.holds((258, 259), names | {r"\bar g": g_bar, "F^w": F_w, "F^m": F_m})


def on_a_loss(field):
    """Put in a loss whose coefficients are free, those of its second derivatives among them."""
    u1, u2 = arguments
    a = sp.symbols("a_1:10", real=True)
    generic = (
        a[0] * u1**2
        + a[1] * u1 * u2
        + a[2] * u2**2
        + a[3] * u1**3
        + a[4] * u1**2 * u2
        + a[5] * u1 * u2**2
        + a[6] * u2**3
        + a[7] * u1**2 * u2**2
        + a[8] * sp.sin(u1)
    )

    def put(e):
        return sp.expand(e.subs(loss.func, sp.Lambda(arguments, generic)).doit())

    return field.applyfunc(put)


slopes = {
    rf"\partial_{by}F^{of}": on_a_loss(field.jacobian(along))
    for of, field in (("w", F_w), ("m", F_m))
    for by, along in (("w", weights), ("m", moments))
}
page.holds((260, 261), names | slopes | {r"\bar H": on_a_loss(H_bar)})

# %% [markdown]
# Applied to $(F^w,F^m)$, row by row, with $P^{-1}$ and $1-\beta_1$ taken out,
#
# (eq-262)=
# (eq-263)=
# \begin{align}
# (DF\,F)^w&=-\eta\,P^{-1}\big((1-\beta_1)\,\bar HF^w+\beta_1F^m\big),\tag{262}\\
# (DF\,F)^m&=(1-\beta_1)\,\big(\bar HF^w-F^m\big),\tag{263}
# \end{align}
#
# and half of it is subtracted:
#
# (eq-264)=
# (eq-265)=
# \begin{align}
# \dot{\bar w}&=F^w-\tfrac12\,(DF\,F)^w,\tag{264}\\
# \dot{\bar m}&=F^m-\tfrac12\,(DF\,F)^m.\tag{265}
# \end{align}
#
# One product $\bar HF^w$ in all, which is one Hessian-vector product at either end.

# %%
u, v = sp.Matrix(sp.symbols("u_3 u_4")), sp.Matrix(sp.symbols("v_3 v_4"))  # any (F^w, F^m)
names |= {r"\bar H": H_bar, "F^w": u, "F^m": v}
(ww, wm), (mw, mm) = page.right(260, names), page.right(261, names)
move = sp.Matrix.vstack(u, v)
product = sp.Matrix(sp.BlockMatrix([[ww, wm], [mw, mm]])) * move
names |= {r"(DF\,F)^w": product[:2, :], r"(DF\,F)^m": product[2:, :]}
page.holds((262, 263), names)


def along_itself(field, other):
    """D F applied to F, as the blocks have it."""
    return product


along_itself.takes = 2
(corrected,) = page.right(257, {"F": move, "D": along_itself})
page.holds(
    (264, 265), names | {r"\dot{\bar w}": corrected[:2, :], r"\dot{\bar m}": corrected[2:, :]}
)

# %% [markdown]
# **In the library** the product is `tangent`: since $F$ is linear in $(z,g)$, its derivative along $v$ is
# $F$ again, with $(v,H v_w)$ put in the place of $(z,g)$. No optimizer needs blocks of its own. Three
# comparisons in five dimensions on a nonlinear loss: with `torch.func.jvp` of $F$, for all nine
# optimizers; with the blocks {ref}`(260) <eq-260>`, {ref}`(261) <eq-261>` from dense Hessians; and one
# corrected substep of Adam's rod flow with {ref}`(264) <eq-264>`, {ref}`(265) <eq-265>`.

# %%
import torch

from rodflow_book.derivations.numeric import numbers, stacked, substep
from rodflow_core.extent import rod
from rodflow_core.flows import RodFlow, RodState, StableFlow, advance, tangent
from rodflow_core.objective import FunctionObjective
from rodflow_core.optimizers import OPTIMIZERS, make_rule
from rodflow_core.simulate import iterate

d, late = 5, 10**6  # so late that bias correction is one


def function(w):
    """A loss with a Hessian that is full and not constant."""
    return (w**2).sum() + torch.cos(w.cumsum(0)).sum() + w.prod()


curved = FunctionObjective(function, d)
second = numbers(draw.uniform(0.5, 2, d))
for name, row in OPTIMIZERS.items():
    rule = make_rule(name, 0.1, **({"beta1": 0.7} if "beta1" in row.hyperparameters else {}))
    size = 2 * d if rule.has_moment else d
    z, direction = numbers(draw.normal(size=size)), numbers(draw.normal(size=size))
    nu = rule.second_moment.initial(z[:d])
    P = rule.preconditioner(nu if nu is None else nu + (second if nu.ndim else second[0]))

    def displacement(z, rule=rule, P=P):
        gradient = torch.func.grad(function)(rule.gradient_point(z))
        return rule.displacement(z, gradient, P)

    _, expected = torch.func.jvp(displacement, (z,), (direction,))
    close((260, 261), tangent(rule, curved, z, direction, P), expected, 1e-12)

rule, eta_value, b1 = make_rule("adam", 0.1, beta1=0.7), 0.1, 0.7
centre, delta_z = numbers(draw.normal(size=2 * d)), 0.3 * numbers(draw.normal(size=2 * d))
ends = torch.stack((centre + delta_z, centre - delta_z))
mean_hessian = sum(torch.func.hessian(function)(end[:d]) for end in ends).numpy() / 2
mean_gradient = curved.gradients(ends[:, :d]).mean(0).numpy()
m_value, scale = centre[d:].numpy(), second.sqrt().numpy() + 1e-8
move_w = -eta_value / scale * (b1 * m_value + (1 - b1) * mean_gradient)  # (258)
move_m = (1 - b1) * (mean_gradient - m_value)  # (259)
dense = np.block(
    [
        [
            -eta_value * (1 - b1) / scale[:, None] * mean_hessian,
            -eta_value * b1 * np.diag(1 / scale),
        ],
        [(1 - b1) * mean_hessian, -(1 - b1) * np.eye(d)],
    ]
)  # (260), (261)
turn_w = -eta_value / scale * ((1 - b1) * mean_hessian @ move_w + b1 * move_m)  # (262)
turn_m = (1 - b1) * (mean_hessian @ move_w - move_m)  # (263)
close((262, 263), np.r_[turn_w, turn_m], dense @ np.r_[move_w, move_m], 1e-13)
P = rule.preconditioner(second)
whole = numbers(np.r_[move_w, move_m])
mean_tangent = sum(tangent(rule, curved, end, whole, P) for end in ends) / 2
close((260, 261, 262, 263), mean_tangent, dense @ whole.numpy(), 1e-12)
state, short = RodState(centre, second, rod(delta_z)), 1e-3
after = substep(RodFlow(rule, curved, backward_error=True), state, late, short)
corrected = np.r_[move_w - turn_w / 2, move_m - turn_m / 2]  # (264), (265)
close((257, 264, 265), (after.z - centre) / short, corrected, 1e-10)

# %% [markdown]
# ## Does it matter?
#
# The paper finds rod flow with and without {ref}`(264) <eq-264>`, {ref}`(265) <eq-265>` to be
# indistinguishable. On the right of {numref}`fig-f-edge` is the same comparison for scalar Adam, in the
# valley of {doc}`appendix H <appendix_g>` in which the sharpness rises along the way: the correction is far smaller
# than what separates rod flow and optimizer anyway.
#
# Nor does it rescue a flow without a rod. On the left is the reason, for gradient descent on a quadratic
# with $x=\eta S$. There $1+A=1-x$, and the field is $\log(1-x)$ per step. Its series has the radius of
# convergence one. At $x=1$ gradient descent jumps into the minimum in one step, at a rate of $-\infty$.
# Beyond, it jumps across, and no flow on a line can do that. **The edge of stability, $x=2$, is on the far
# side.** Each further term there makes it worse: at $x=2$ the truncations are $-2$, $-4$, $-6\frac23$,
# while gradient descent does not decay at all. The rod flow puts the jump into its length and asks a flow
# only for what moves slowly.

# %%
terms = {
    k: [theory.backward_error_term([[-value]], k)[0, 0] for value in (0.5, 2.0)] for k in (1, 2, 3)
}
partial_sums = np.cumsum([terms[k][1] for k in terms])
close((252, 254, 256), partial_sums, [-2, -4, -20 / 3], 1e-14)
close(248, theory.backward_error_field([[-0.5]])[0, 0], np.log(0.5), 1e-14)
try:
    theory.backward_error_field([[-2.0]])
except ValueError as refusal:
    print(refusal)
else:
    raise AssertionError("1 + A = -1 has no real logarithm")

# %%
valley = FunctionObjective(
    lambda w: 0.5 * (3.7 + 0.6 * w[0]) * w[1] ** 2 - 0.5 * w[1] ** 4 - 0.03 * w[0], 2
)
adam = make_rule("scalar_adam", learning_rate, beta1=beta1_value, beta2=0.99)
states = iterate(adam, valley, adam.initial_state(numbers([0.0, 0.05])), warmup + ahead)
flows = {
    "stable flow": StableFlow(adam, valley),
    "stable flow, corrected": StableFlow(adam, valley, backward_error=True),
    "rod flow": RodFlow(adam, valley),
    "rod flow, corrected": RodFlow(adam, valley, backward_error=True),
}
now = {name: flow.initial(states[warmup - 1], states[warmup]) for name, flow in flows.items()}
paths = {name: [state.z.numpy()] for name, state in now.items()}
for step in range(warmup, warmup + ahead):
    for name, flow in flows.items():
        now[name] = advance(flow, now[name], step, substeps)
        paths[name].append(now[name].z.numpy())
paths = {name: np.array(path)[1:, :2] for name, path in paths.items()}
iterates = stacked(states)[warmup - 1 :, :2]
centres = ((iterates[1:] + iterates[:-1]) / 2)[1:]
distance = {name: np.linalg.norm(path - centres, axis=1) for name, path in paths.items()}
change = np.linalg.norm(paths["rod flow"] - paths["rod flow, corrected"], axis=1)
if not np.isfinite(distance["rod flow"]).all():
    raise ValueError("the run left the valley; lower learning_rate or warmup.")

# %% tags=["remove-cell"]
edge = np.linspace(0, 2.4, 241)
sums = {
    kept: sum((-1) ** (k + 1) * (-edge) ** k / k for k in range(1, kept + 1)) for kept in (1, 2, 3)
}
table = pd.DataFrame({"step": warmup + 1 + np.arange(ahead), **distance, "change": change})
files.save(
    "f-edge",
    lambda: edge_figure(edge, sums, distance),
    table,
    figures,
    manifest=about,
    alt="Left: rate of gradient descent on a quadratic against learning rate times sharpness; the "
    "exact field ends at minus infinity at one, the truncated series go on and miss the true rate, "
    "which comes back up to zero at two. Right: distance to the optimizer's centre over steps; the "
    "stable flow with and without correction coincide and go far; so do the rod flow's two, close.",
)

# %% [markdown]
# ```{figure} ../figures/f-edge.svg
# :name: fig-f-edge
# :alt: Left, rate of gradient descent on a quadratic against learning rate times sharpness; the exact field ends at minus infinity at one, the truncated series go on and miss the true rate, which comes back up to zero at two. Right, distance to the optimizer's centre over steps; the stable flow with and without correction coincide and go far; so do the rod flow's two, close.
#
# **Backward error analysis ends below the edge of stability.** Beyond $\eta S=1$ no real field has
# gradient descent's steps. Left: growth per step of gradient descent on a quadratic, $\log|1-\eta
# S|$, and what one, two and three fields make of it. Right: scalar Adam at its edge of stability;
# distance of the flows' centres from the optimizer's, with backward error analysis (dotted) and
# without.
# ```

# %% tags=["hide-input"]
show(
    f"Over {ahead} steps the correction moves the rod flow's centre by {np.median(change):.1g} (median), "
    f"while the rod flow is {np.median(distance['rod flow']):.1g} from the optimizer's centre; the stable "
    f"flow is {distance['stable flow'][-1]:.2g} from it in the end, and corrected "
    f"{distance['stable flow, corrected'][-1]:.2g}."
)

# %% tags=["hide-input"]
from rodflow_book.derivations.ledger import show_checked

show_checked()
