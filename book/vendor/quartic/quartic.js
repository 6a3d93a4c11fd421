/* Heavy ball and its rod flow on the quartic L(w) = S w^2/2 - kappa w^4/4, in the browser.

   `simulate` is the project's own numerics in one dimension, in double precision: the update rule
   heavy_ball of rodflow_core.optimizers on rodflow_core.potentials.Quartic, and rodflow_core.flows'
   RodFlow. In one dimension phase space is a plane, so that a dense 2 x 2 extent tensor is the core's
   extent of rank 2. The rest of the file draws. Every <div class="quartic-widget"> gets a widget. */

(function () {
  "use strict";

  // --- numerics ------------------------------------------------------------------------------

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

  /** Run heavy ball for `steps` steps, and its rod flow from the centre of the first two iterates.

      Returns, as arrays of [w, m]: `iterates` 0 ... steps; `centres` and `rods` (half-displacements,
      up to their sign) 0 ... steps - 1, of which number t models iterates t and t + 1; `sigmas`, as
      [ww, wm, mm], with the same index; and the `threshold` S_HB. What has overflowed is not finite.
      With fewer than two `substeps` the extent's decay would overshoot: a RangeError. */
  function simulate({ eta, beta, S, kappa, w0, m0, steps, substeps }) {
    if (!(substeps >= 2)) throw new RangeError(`substeps is ${substeps}; expected 2 or more.`);
    const displacement = ([w, m]) => {
      const g = S * w - kappa * (w * w * w);
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
    const threshold = (2 / eta) * ((1 + beta) / (1 - beta));
    return { iterates, centres, rods, sigmas, threshold };
  }

  // --- what the reader can change ------------------------------------------------------------

  const STEPS = 100;
  const START = { w0: 0.05, m0: 0, steps: STEPS, substeps: 4 };
  const SLIDERS = [
    { key: "eta", words: "learning rate", symbol: "η", min: 0.2, max: 1, step: 0.01, value: 0.5 },
    { key: "beta", words: "momentum", symbol: "β", min: 0, max: 0.8, step: 0.01, value: 0.5 },
    { key: "S", words: "sharpness", symbol: "S", min: 1, max: 60, step: 0.1, value: 12.6 },
    { key: "kappa", words: "flattening", symbol: "κ", min: 0.2, max: 4, step: 0.1, value: 1 },
    { key: "t", words: "step shown", symbol: "t", min: 0, max: STEPS - 1, step: 1, value: STEPS - 1 },
  ];
  const KEYS = [
    ["iterates", "heavy ball’s iterates"],
    ["rod", "the flow’s rod"],
    ["centre", "its centre"],
    ["limit", "fixed rod, equation (156)"],
  ];

  /** Steps whose rods stay in the picture: closer together where the rod grows. */
  const EARLIER = [0, 2, 4, 6, 8, 11, 15, 20, 30, 50];

  const SVG = "http://www.w3.org/2000/svg";
  const drawn = (name, attributes) => fill(document.createElementNS(SVG, name), attributes);
  const html = (name, attributes) => fill(document.createElement(name), attributes);

  function fill(element, attributes) {
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key === "text") element.textContent = value;
      else element.setAttribute(key, value);
    }
    return element;
  }

  const decimals = (step) => (String(step).split(".")[1] || "").length;

  /** A number for reading: three digits, and no powers of ten. */
  function words(value) {
    const size = Math.abs(value);
    if (size < 0.0001) return "less than 0.0001";
    return size < 0.01 ? size.toFixed(4) : size.toPrecision(3);
  }

  // --- the words -----------------------------------------------------------------------------

  const halfStep = (run, t) => (run.iterates[t + 1][0] - run.iterates[t][0]) / 2;

  /** The step at which the iterates leave the well, where the loss begins to fall; or -1. */
  function escape(run, { S, kappa }) {
    const wall = Math.sqrt(S / kappa);
    return run.iterates.findIndex(([w]) => !(Math.abs(w) < wall));
  }

  function amplitude(run, { S, kappa }) {
    return S > run.threshold ? Math.sqrt((S - run.threshold) / kappa) : 0;
  }

  /** Whether heavy ball is on an orbit whose half-displacement goes up and down, not on the rod's. */
  function wanders(run, limit) {
    const late = Array.from({ length: 20 }, (_, i) => Math.abs(halfStep(run, STEPS - 20 + i)));
    const turns = late.some((d, i) => i > 1 && (d - late[i - 1]) * (late[i - 1] - late[i - 2]) < 0);
    return turns && Math.max(...late) - Math.min(...late) > 0.05 * limit;
  }

  /** What is seen, in a heading of a few words and a sentence or two. */
  function verdict(run, values) {
    const { S, kappa, t } = values;
    const threshold = `the threshold S_HB = ${run.threshold.toFixed(2)}`;
    const out = escape(run, values);
    const measured = `At step ${t} the half-displacement in w is ${words(halfStep(run, t))} for ` +
      `heavy ball and ${words(run.rods[t][0])} for the rod`;
    if (out >= 0) {
      const far = S > 1.5 * run.threshold
        ? "Above three halves of it no rod centred at 0 is stable"
        : "The fixed point is stable, but the start overshoots it";
      return ["Out of the well", `S = ${S} lies above ${threshold}. ${far}: at step ${out} the ` +
        `iterates pass √(S/κ) = ${words(Math.sqrt(S / kappa))}, beyond which the loss falls for ever.`];
    }
    if (S <= run.threshold) {
      return ["Quiet", `S = ${S} does not exceed ${threshold}: the oscillation dies out. ${measured}.`];
    }
    const theory = `√((S − S_HB)/κ) = ${words(amplitude(run, values))}`;
    if (S > 1.5 * run.threshold) {
      return ["Off centre", `S = ${S} lies above three halves of ${threshold}, where the centre ` +
        `cannot stay at 0 and the amplitude is no longer ${theory}. ${measured}.`];
    }
    const orbit = wanders(run, amplitude(run, values))
      ? `the rod's amplitude is ${theory}, but from this start heavy ball has found another orbit`
      : `heavy ball keeps bouncing, with the amplitude ${theory}`;
    return ["Oscillating", `S = ${S} lies above ${threshold}: ${orbit}. ${measured}.`];
  }

  // --- the drawing ---------------------------------------------------------------------------

  /** The smallest of 1, 1.5, 2, 3, 4, 5, 6, 8, 10 times a power of ten that is not below `value`. */
  function round(value) {
    const power = 10 ** Math.floor(Math.log10(value));
    return power * [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((n) => n >= value / power - 1e-9);
  }

  function ticks(low, high) {
    const raw = (high - low) / 4;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = power * [1, 2, 5, 10].find((n) => n >= raw / power - 1e-9);
    const first = Math.ceil(low / step - 1e-9);
    const count = Math.floor(high / step + 1e-9) - first + 1;
    return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(6)));
  }

  /** Empty axes of the size the page has room for; gives ways to draw in them. */
  function axes(svg, xs, ys, names) {
    svg.replaceChildren();
    const width = Math.max(svg.clientWidth, 200);
    const height = Math.max(svg.clientHeight, 200);
    const left = 46, right = 14, top = 26, bottom = 38;
    const inner = { width: width - left - right, height: height - top - bottom };
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const x = (v) => ((v - xs[0]) / (xs[1] - xs[0])) * inner.width;
    const y = (v) => ((ys[1] - v) / (ys[1] - ys[0])) * inner.height;
    const put = (parent, name, attributes) => parent.appendChild(drawn(name, attributes));
    for (const v of ticks(...xs)) {
      const at = left + x(v);
      put(svg, "path", { class: "grid", d: `M${at} ${top}v${inner.height}` });
      put(svg, "text", { x: at, y: top + inner.height + 16, "text-anchor": "middle", text: sign(v) });
    }
    for (const v of ticks(...ys)) {
      const at = top + y(v);
      put(svg, "path", { class: "grid", d: `M${left} ${at}h${inner.width}` });
      put(svg, "text", { x: left - 6, y: at + 4, "text-anchor": "end", text: sign(v) });
    }
    put(svg, "text", { x: left + inner.width / 2, y: height - 5, "text-anchor": "middle", text: names[0] });
    put(svg, "text", { x: 2, y: 14, text: names[1] });
    // A nested <svg> cuts off what lies outside of the axes.
    const area = put(svg, "svg", { x: left, y: top, ...inner });
    const point = ([a, b]) => `${x(a).toFixed(2)} ${y(b).toFixed(2)}`;
    return {
      line: (kind, points) =>
        points.length && put(area, "path", { class: kind, d: `M${points.map(point).join("L")}` }),
      dots: (kind, points) =>
        put(area, "path", { class: `${kind} dot`, d: points.map((p) => `M${point(p)}h0`).join("") }),
    };
  }

  const sign = (value) => String(value).replace("-", "−");
  /** Leaves out what has overflowed, or is on its way there. */
  const drawable = (points) => points.filter((p) => p.every((v) => Math.abs(v) < 1e6));

  const ends = ([w, m], [dw, dm]) => [[w - dw, m - dm], [w + dw, m + dm]];

  function drawPhase(svg, run, values, seen) {
    const { eta, t } = values;
    const limit = amplitude(run, values);
    const wall = Math.sqrt(values.S / values.kappa);
    // In these units the fixed rod lies on the diagonal.
    const sizes = run.iterates.slice(0, seen).map(([w, m]) => Math.max(Math.abs(w), Math.abs(m) * eta / 2));
    const reach = round(1.08 * Math.min(Math.max(limit, ...sizes), wall));
    const high = (reach * 2) / eta;
    const plot = axes(svg, [-reach, reach], [-high, high], ["weight w", "first moment m"]);
    const upTo = Math.min(t + 2, seen);
    plot.dots("iterates", drawable(run.iterates.slice(0, upTo)));
    for (const earlier of EARLIER.filter((step) => step < t)) {
      plot.line("rod faint", drawable(ends(run.centres[earlier], run.rods[earlier])));
    }
    plot.line("rod", drawable(ends(run.centres[t], run.rods[t])));
    plot.line("centre", drawable(run.centres.slice(0, t + 1)));
    plot.dots("centre", drawable([run.centres[t]]));
    if (limit > 0) {
      plot.dots("limit", [[limit, (-2 / eta) * limit], [-limit, (2 / eta) * limit]]);
    }
    if (t + 1 < seen) plot.dots("iterates now", [run.iterates[t], run.iterates[t + 1]]);
  }

  function drawTime(svg, run, values, seen) {
    const limit = amplitude(run, values);
    const wall = Math.sqrt(values.S / values.kappa);
    const steps = Array.from({ length: STEPS }, (_, t) => t);
    const iterates = steps.filter((t) => t + 1 < seen).map((t) => [t, Math.abs(halfStep(run, t))]);
    const rods = drawable(steps.map((t) => [t, Math.abs(run.rods[t][0])]));
    const centres = drawable(steps.map((t) => [t, Math.abs(run.centres[t][0])]));
    const highest = Math.max(limit, ...[...iterates, ...rods].map((p) => p[1]));
    const top = round(1.1 * Math.min(highest, wall));
    const plot = axes(svg, [0, STEPS], [0, top], ["step t", "half-displacement |δ|, centre |w|"]);
    plot.line("now", [[values.t, 0], [values.t, top]]);
    if (limit > 0) plot.line("limit", [[0, limit], [STEPS, limit]]);
    plot.line("iterates", iterates);
    plot.line("rod", rods);
    plot.line("centre", centres);
    if (values.t + 1 < seen) plot.dots("iterates now", [iterates[values.t]]);
    plot.dots("rod", rods.slice(values.t, values.t + 1));
  }

  // --- the widget ----------------------------------------------------------------------------

  let count = 0;

  /** The sliders and a button that puts them back; `changed` is called when one has moved. */
  function buildControls(changed) {
    const number = ++count;
    const inputs = {};
    const form = html("div", { class: "controls", role: "group", "aria-label": "Parameters" });
    for (const { key, words, symbol, ...range } of SLIDERS) {
      const id = `quartic-${number}-${key}`;
      const row = form.appendChild(html("div", { class: "control" }));
      const label = row.appendChild(html("label", { for: id, text: `${words} ` }));
      label.append(html("i", { text: symbol }));
      // The slider says its value itself; read out twice it would be a nuisance.
      const output = row.appendChild(html("output", { for: id, "aria-live": "off" }));
      // Without autocomplete="off" a page that is reloaded keeps the values it was left with.
      const input = row.appendChild(html("input", { type: "range", id, ...range, autocomplete: "off" }));
      input.addEventListener("input", changed);
      inputs[key] = { input, output, step: range.step };
    }
    const again = form.appendChild(html("button", { type: "button", text: "Start values" }));
    again.addEventListener("click", () => {
      SLIDERS.forEach(({ key, value }) => { inputs[key].input.value = value; });
      changed();
    });
    return { form, inputs };
  }

  function buildLegend() {
    const legend = html("ul", { class: "legend" });
    for (const [kind, text] of KEYS) {
      const item = legend.appendChild(html("li"));
      item.append(html("span", { class: `key ${kind}`, "aria-hidden": "true" }), text);
    }
    return legend;
  }

  /** Read the sliders, and write their values beside them. */
  function read(inputs) {
    const values = {};
    for (const [key, { input, output, step }] of Object.entries(inputs)) {
      values[key] = input.valueAsNumber;
      output.textContent = values[key].toFixed(decimals(step));
    }
    return values;
  }

  function build(box) {
    if (box.dataset.built) return;
    box.dataset.built = "yes";
    const { form, inputs } = buildControls(draw);
    const said = html("p", { class: "verdict", role: "status" });
    const plots = html("div", { class: "plots" });
    const phase = plots.appendChild(drawn("svg", { class: "phase", role: "img" }));
    const time = plots.appendChild(drawn("svg", { class: "time", role: "img" }));
    box.replaceChildren(form, said, plots, buildLegend());

    function draw() {
      const values = read(inputs);
      const run = simulate({ ...values, ...START });
      const out = escape(run, values);
      const seen = out < 0 ? run.iterates.length : out;
      const [title, sentence] = verdict(run, values);
      const parts = sentence.split(/_(HB)/).map((part, i) => (i % 2 ? html("sub", { text: part }) : part));
      said.replaceChildren(html("b", { text: `${title}. ` }), ...parts);
      drawPhase(phase, run, values, seen);
      drawTime(time, run, values, seen);
      phase.setAttribute("aria-label", `Phase plane of weight and first moment up to step ${values.t}:` +
        ` heavy ball’s iterates, and the flow’s rod with its centre. ${title}.`);
      time.setAttribute("aria-label", "Half-displacement against time, of heavy ball and of the " +
        `flow’s rod. ${title}.`);
    }

    draw();
    let width = box.clientWidth;
    new ResizeObserver(() => {
      if (box.clientWidth !== width) {
        width = box.clientWidth;
        draw();
      }
    }).observe(box);
  }

  function start() {
    document.querySelectorAll("div.quartic-widget").forEach(build);
  }

  window.rodflowQuartic = { simulate };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
