/* Gradient descent or heavy ball on the quartic L(w) = S w^2/2 - kappa w^4/4, and the rod flow.

   The project's own numerics in one dimension, in double precision: the update rules `gd` and
   `heavy_ball` of rodflow_core.optimizers on rodflow_core.landscapes.Quartic, and rodflow_core.flows'
   RodFlow. In one dimension heavy ball's phase space is a plane, so that a dense 2 x 2 extent tensor is
   the core's extent of rank 2. */

(function () {
  "use strict";

  /** Half-displacement sqrt(lambda) u of the principal eigenpair of [[ww, wm], [wm, mm]]. */
  function principal([ww, wm, mm]) {
    const mean = (ww + mm) / 2;
    const half = (ww - mm) / 2;
    const radius = Math.hypot(half, wm);
    // Of the two forms of the eigenvector, the one without a difference of near numbers.
    let u = half >= 0 ? [half + radius, wm] : [wm, radius - half];
    const length = Math.hypot(u[0], u[1]);
    u = length > 0 ? [u[0] / length, u[1] / length] : [1, 0];
    const scale = Math.sqrt(Math.max(mean + radius, 0));
    return [scale * u[0], scale * u[1]];
  }

  /** The curvature at which the optimizer becomes unstable; without a `beta`, gradient descent's. */
  function threshold({ eta, beta = 0 }) {
    return (2 / eta) * ((1 + beta) / (1 - beta));
  }

  /** Run heavy ball for `steps` steps, and its rod flow from the centre of the first two iterates.

      Without a `beta` it is gradient descent, whose m stays what it is. Returns, as arrays of [w, m]:
      `iterates` 0 ... steps; `centres` and `rods` (half-displacements, up to their sign)
      0 ... steps - 1, of which number t models iterates t and t + 1; `sigmas`, as [ww, wm, mm], with
      the same index; and the `threshold`. What has overflowed is not finite. With fewer than two
      `substeps` the extent's decay would overshoot: a RangeError. */
  function simulate({ eta, beta, S, kappa, w0, m0, steps, substeps }) {
    if (!(substeps >= 2)) throw new RangeError(`substeps is ${substeps}; expected 2 or more.`);
    const displacement = ([w, m]) => {
      const g = S * w - kappa * (w * w * w);
      if (beta === undefined) return [-eta * g, 0];
      return [(beta * m + (1 - beta) * g) * -eta, (1 - beta) * (g - m)];
    };
    const iterates = [[w0, m0]];
    for (let t = 0; t < steps; t++) {
      const z = iterates[t];
      const F = displacement(z);
      iterates.push([z[0] + F[0], z[1] + F[1]]);
    }

    const [first, second] = iterates;
    let centre = [0.5 * (first[0] + second[0]), 0.5 * (first[1] + second[1])];
    let rod = [0.5 * (second[0] - first[0]), 0.5 * (second[1] - first[1])];
    let sigma = [rod[0] * rod[0], rod[0] * rod[1], rod[1] * rod[1]];
    const centres = [centre], rods = [rod], sigmas = [sigma];
    const dt = 1 / substeps;
    for (let t = 1; t < steps; t++) {
      for (let k = 0; k < substeps; k++) {
        const plus = displacement([centre[0] + rod[0], centre[1] + rod[1]]);
        const minus = displacement([centre[0] - rod[0], centre[1] - rod[1]]);
        const drive = (i, j) => (plus[i] * plus[j] + minus[i] * minus[j]) / 4;
        centre = [
          centre[0] + dt * ((plus[0] + minus[0]) / 2),
          centre[1] + dt * ((plus[1] + minus[1]) / 2),
        ];
        sigma = [
          (1 - 2 * dt) * sigma[0] + dt * drive(0, 0),
          (1 - 2 * dt) * sigma[1] + dt * drive(0, 1),
          (1 - 2 * dt) * sigma[2] + dt * drive(1, 1),
        ];
        rod = principal(sigma);
      }
      centres.push(centre);
      rods.push(rod);
      sigmas.push(sigma);
    }
    return { iterates, centres, rods, sigmas, threshold: threshold({ eta, beta }) };
  }

  window.rodflowQuartic = { simulate, threshold };
})();
