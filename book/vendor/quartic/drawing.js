/* The drawings of the quartic widget: SVG of a run that numerics.js has computed.

   `kit` is what all of them need: `simulate`'s run, the reader's values with `S` and `optimizer`, how
   many iterates are `seen` (all, or those before the escape), and the settled half-displacement
   `limit` (0 below the threshold). */

(function () {
  "use strict";

  const SVG = "http://www.w3.org/2000/svg";

  /** Steps whose rods stay in the picture: closer together where the rod grows. */
  const EARLIER = [0, 2, 4, 6, 8, 11, 15, 20, 30, 50];

  const fill = (element, attributes) => {
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key === "text") element.textContent = value;
      else element.setAttribute(key, value);
    }
    return element;
  };
  const drawn = (name, attributes) => fill(document.createElementNS(SVG, name), attributes);

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

  const halfStep = (run, t) => (run.iterates[t + 1][0] - run.iterates[t][0]) / 2;
  const wallOf = ({ S, kappa }) => Math.sqrt(S / kappa);

  /** Gradient descent on the curve of the loss, the rod between the two walls. */
  function drawLoss(svg, { run, values, seen, limit }) {
    const { S, kappa, t } = values;
    const loss = (w) => (S * w * w) / 2 - (kappa * w ** 4) / 4;
    const at = (w) => [w, loss(w)];
    const sizes = run.iterates.slice(0, seen).map(([w]) => Math.abs(w));
    const reach = round(1.15 * Math.min(Math.max(limit, ...sizes), wallOf(values)));
    const plot = axes(svg, [-reach, reach], [0, round(1.02 * loss(Math.min(reach, wallOf(values))))], ["weight w", "loss L"]);
    plot.line("curve", Array.from({ length: 121 }, (_, i) => at(reach * (i / 60 - 1))));
    if (limit > 0) plot.dots("limit", [at(limit), at(-limit)]);
    plot.dots("iterates", drawable(run.iterates.slice(0, Math.min(t + 2, seen)).map(([w]) => at(w))));
    const [[w], [delta]] = [run.centres[t], run.rods[t]];
    const bar = drawable([at(w - delta), at(w + delta)]);
    plot.line("rod", bar);
    if (bar.length > 1) plot.dots("centre", [[w, (bar[0][1] + bar[1][1]) / 2]]);
    if (t + 1 < seen) plot.dots("iterates now", [at(run.iterates[t][0]), at(run.iterates[t + 1][0])]);
  }

  /** Heavy ball in the plane of weight and first moment. */
  function drawPhase(svg, { run, values, seen, limit }) {
    const { eta, t } = values;
    // In these units the fixed rod lies on the diagonal.
    const sizes = run.iterates.slice(0, seen).map(([w, m]) => Math.max(Math.abs(w), Math.abs(m) * eta / 2));
    const reach = round(1.08 * Math.min(Math.max(limit, ...sizes), wallOf(values)));
    const high = (reach * 2) / eta;
    const plot = axes(svg, [-reach, reach], [-high, high], ["weight w", "first moment m"]);
    plot.dots("iterates", drawable(run.iterates.slice(0, Math.min(t + 2, seen))));
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

  /** Lengths over time: strong up to the step shown, faint beyond it. */
  function drawTime(svg, { run, values, seen, limit }) {
    const { t } = values;
    const steps = run.rods.map((_, i) => i);
    const last = steps.length;
    const iterates = steps.filter((i) => i + 1 < seen).map((i) => [i, Math.abs(halfStep(run, i))]);
    const rods = drawable(steps.map((i) => [i, Math.abs(run.rods[i][0])]));
    const centres = drawable(steps.map((i) => [i, Math.abs(run.centres[i][0])]));
    const highest = Math.max(limit, ...[...iterates, ...rods].map((p) => p[1]));
    const top = round(1.1 * Math.min(highest, wallOf(values)));
    const plot = axes(svg, [0, last], [0, top], ["step t", "half-displacement |δ|, centre |w|"]);
    plot.line("now", [[t, 0], [t, top]]);
    if (limit > 0) plot.line("limit", [[0, limit], [last, limit]]);
    for (const [kind, points] of [["iterates", iterates], ["rod", rods], ["centre", centres]]) {
      plot.line(`${kind} ahead`, points.slice(t));
      plot.line(kind, points.slice(0, t + 1));
    }
    if (t + 1 < seen) plot.dots("iterates now", [iterates[t]]);
    plot.dots("rod", rods.slice(t, t + 1));
  }

  Object.assign(window.rodflowQuartic, { fill, drawn, halfStep, drawLoss, drawPhase, drawTime });
})();
