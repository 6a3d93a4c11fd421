/* The explorer's drawing: axes, a line for each model, and the cursor, as SVG.

   A view is { lines: [{ tag, label, look, points: [[step, value or null], ...] }], x, y, log,
   title, one, words }; `one` asks for the line at 1, the threshold. The same function draws the page
   and the file to download, which has its colours and its legend in itself. */

(function () {
  "use strict";

  const explorer = window.rodflowExplorer;
  const SVG = "http://www.w3.org/2000/svg";
  const CHARACTER = 7.4; // Pixels of a digit at the 13 pixels in which the axes are written.
  const TOP = 30, BOTTOM = 44, RIGHT = 18;
  // The file to download is for paper: it is light, whatever the page is.
  const PAPER = { ink: "#1a1a1a", muted: "#5b6470", line: "#d9dce1", page: "#ffffff" };

  const drawn = (name, attributes) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key === "text") element.textContent = value;
      else element.setAttribute(key, value);
    }
    return element;
  };
  const put = (parent, name, attributes) => parent.appendChild(drawn(name, attributes));

  // --- numbers -------------------------------------------------------------------------------

  const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  const raised = (n) => String(n).replace("-", "⁻").replace(/\d/g, (d) => RAISED[d]);

  /** A number for an axis: in full where that is short, else with a power of ten. */
  function axisNumber(value) {
    if (value === 0) return "0";
    const power = Math.floor(Math.log10(Math.abs(value)) + 1e-9);
    if (power >= -3 && power <= 4) return String(Number(value.toPrecision(6))).replace("-", "−");
    const mantissa = Number((value / 10 ** power).toPrecision(4));
    const times = mantissa === 1 ? "" : mantissa === -1 ? "−" : `${mantissa}·`.replace("-", "−");
    return `${times}10${raised(power)}`;
  }

  /** A number for reading, with all its digits. */
  explorer.number = (value) => (value === null ? "–"
    : (value !== 0 && Math.abs(value) < 1e-4 ? value.toExponential() : String(value))
    .replace(/e([+-]?\d+)/, (_, power) => `·10${raised(Number(power))}`).replace("-", "−"));

  function linearTicks([low, high], count) {
    const raw = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = power * [1, 2, 2.5, 5, 10].find((n) => n >= raw / power - 1e-9);
    const first = Math.ceil(low / step - 1e-9);
    const many = Math.floor(high / step + 1e-9) - first + 1;
    return Array.from({ length: many }, (_, i) => Number(((first + i) * step).toPrecision(12)));
  }

  /** Powers of ten; closer together where there are few of them, further apart where many. */
  function logTicks([low, high], count) {
    const from = Math.floor(Math.log10(low)), to = Math.ceil(Math.log10(high));
    const decades = Math.log10(high / low);
    if (decades < 0.7) return linearTicks([low, high], count).filter((v) => v > 0);
    const every = Math.max(1, Math.ceil(decades / count));
    const within = decades > 2.5 ? [1] : decades > 1.3 ? [1, 3] : [1, 2, 5];
    const found = [];
    for (let power = Math.ceil(from / every) * every; power <= to; power += every) {
      within.forEach((n) => found.push(Number(`${n}e${power}`)));
    }
    return found.filter((v) => v >= low * (1 - 1e-9) && v <= high * (1 + 1e-9));
  }

  /** What there is of a line between two steps: values that the axis can show. */
  const shown = (line, [from, to], log) => line.points
    .filter(([t, v]) => t >= from && t <= to && v !== null && (!log || v > 0)).map(([, v]) => v);

  /** The part of the value axis that shows everything between two steps, with a margin. */
  explorer.fit = function (lines, x, log, one) {
    const values = lines.flatMap((line) => shown(line, x, log));
    if (one) values.push(1);
    if (!values.length) return log ? [0.1, 1] : [0, 1];
    let low = values.reduce((a, b) => Math.min(a, b)), high = values.reduce((a, b) => Math.max(a, b));
    if (log) {
      const margin = Math.max((high / low) ** 0.05, 1.02);
      return [low / margin, high * margin];
    }
    const margin = 0.05 * (high - low) || Math.abs(high) * 0.05 || 1;
    // A length is read from zero, unless it hardly varies.
    if (low >= 0 && low < 0.5 * high) low = margin;
    return [low - margin, high + margin];
  };

  // --- the drawing ---------------------------------------------------------------------------

  /** Runs of points without a gap, and those that stand alone. */
  function pieces(points, log) {
    const found = [[]];
    for (const point of points) {
      const gap = point[1] === null || (log && !(point[1] > 0));
      if (gap) found.push([]);
      else found[found.length - 1].push(point);
    }
    return found.filter((piece) => piece.length);
  }

  function frame(view, width, height, top) {
    const { x, y, log } = view;
    const inner = { height: height - top - BOTTOM };
    const ticks = (log ? logTicks : linearTicks)(y, Math.max(3, inner.height / 60));
    const longest = Math.max(3, ...ticks.map((v) => axisNumber(v).length));
    const left = Math.ceil(14 + CHARACTER * longest);
    inner.width = width - left - RIGHT;
    const place = log ? Math.log10 : (v) => v;
    const [low, high] = y.map(place);
    const at = {
      x: (t) => ((t - x[0]) / (x[1] - x[0])) * inner.width,
      y: (v) => ((high - place(v)) / (high - low)) * inner.height,
      step: (px) => x[0] + (px / inner.width) * (x[1] - x[0]),
      value: (py) => {
        const v = high - (py / inner.height) * (high - low);
        return log ? 10 ** v : v;
      },
    };
    return { ...at, left, top, inner, ticks };
  }

  function drawAxes(svg, view, f, width, height, inks) {
    const text = (attributes) => put(svg, "text", { fill: inks.muted, ...attributes });
    const bottom = f.top + f.inner.height;
    const grid = (d) => put(svg, "path", { d, stroke: inks.line, fill: "none" });
    for (const v of f.ticks) {
      const at = f.top + f.y(v);
      grid(`M${f.left} ${at.toFixed(1)}h${f.inner.width}`);
      text({ x: f.left - 7, y: (at + 4.5).toFixed(1), "text-anchor": "end", text: axisNumber(v) });
    }
    const room = Math.max(2, Math.floor(f.inner.width / 90));
    for (const t of linearTicks(view.x, room).filter(Number.isInteger)) {
      const at = f.left + f.x(t);
      grid(`M${at.toFixed(1)} ${f.top}v${f.inner.height}`);
      const half = (CHARACTER * axisNumber(t).length) / 2;
      // A label that would be cut off at the edge stands within it.
      const x = Math.min(Math.max(at, half), width - half - 1);
      text({ x: x.toFixed(1), y: bottom + 18, "text-anchor": "middle", text: axisNumber(t) });
    }
    text({ x: (f.left + f.inner.width / 2).toFixed(1), y: height - 6, "text-anchor": "middle", text: "optimizer step" });
    text({ x: 2, y: f.top - 12, fill: inks.ink, text: view.title });
  }

  function drawLine(area, line, f, view, colour) {
    const { look } = line;
    const point = ([t, v]) => `${f.x(t).toFixed(2)} ${f.y(v).toFixed(2)}`;
    const group = put(area, "g", { class: "model", "data-model": line.tag, style: colour, opacity: look.opacity || 1 });
    const found = pieces(line.points, view.log);
    put(group, "path", {
      d: found.filter((p) => p.length > 1).map((p) => `M${p.map(point).join("L")}`).join(""),
      fill: "none", stroke: "currentColor", "stroke-width": look.width, "stroke-linejoin": "round",
      ...(look.dash.length ? { "stroke-dasharray": look.dash.join(" ") } : {}),
    });
    // Samples are seen as such where they are few, and always where they stand alone.
    const near = line.points.filter(([t]) => t >= view.x[0] && t <= view.x[1]).length <= 25;
    const dots = found.flatMap((piece) => (near || piece.length === 1 ? piece : []));
    for (const [t, v] of dots) {
      put(group, "circle", { cx: f.x(t).toFixed(2), cy: f.y(v).toFixed(2), r: look.width > 2 ? 2.6 : 2, fill: "currentColor" });
    }
  }

  const LEGEND_ROW = 20;

  /** Where the names stand above the drawing of a file: rows that its width has room for. */
  function legendPlaces(lines, width) {
    let x = 4, row = 0;
    return lines.map(({ label }) => {
      const wide = 40 + CHARACTER * label.length + 16;
      if (x > 4 && x + wide > width) [x, row] = [4, row + 1];
      const place = { x, row };
      x += wide;
      return place;
    });
  }

  function drawLegend(svg, lines, places, inks) {
    lines.forEach(({ label, look }, i) => {
      const y = 14 + LEGEND_ROW * places[i].row;
      const { x } = places[i];
      put(svg, "path", {
        d: `M${x} ${y - 4}h30`, stroke: look.light, "stroke-width": look.width, fill: "none", opacity: look.opacity || 1,
        ...(look.dash.length ? { "stroke-dasharray": look.dash.join(" ") } : {}),
      });
      put(svg, "text", { x: x + 38, y, fill: inks.ink, text: label });
    });
  }

  /** Draw a view into an <svg> of a size; gives the frame, which turns places into numbers and back.

      With `paper` it is whole in itself: background, colours, legend, font. */
  explorer.draw = function (svg, view, width, height, paper) {
    svg.replaceChildren();
    const inks = paper ? PAPER : {
      ink: "var(--x-ink)", muted: "var(--x-muted)", line: "var(--x-line)",
    };
    const places = paper ? legendPlaces(view.lines, width) : [];
    const rows = places.length ? places[places.length - 1].row + 1 : 0;
    const f = frame(view, width, height, TOP + rows * LEGEND_ROW + (rows ? 6 : 0));
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    put(svg, "title", { text: view.name });
    put(svg, "desc", { text: view.words });
    if (paper) {
      svg.setAttribute("width", width);
      svg.setAttribute("height", height);
      svg.setAttribute("font-family", "system-ui, sans-serif");
      svg.setAttribute("font-size", "13");
      put(svg, "rect", { width, height, fill: PAPER.page });
      drawLegend(svg, view.lines, places, inks);
    }
    drawAxes(svg, view, f, width, height, inks);
    // A nested <svg> cuts off what lies outside of the axes.
    const area = put(svg, "svg", { class: "area", x: f.left, y: f.top, ...f.inner });
    if (view.one && view.y[0] < 1 && view.y[1] > 1) {
      put(area, "path", {
        class: "one", d: `M0 ${f.y(1).toFixed(2)}h${f.inner.width}`, fill: "none", stroke: inks.ink,
        "stroke-width": 1.2, "stroke-dasharray": "1.2 2",
      });
    }
    for (const line of [...view.lines].sort((a, b) => a.look.order - b.look.order)) {
      drawLine(area, line, f, view, paper ? `color:${line.look.light}` : explorer.colours(line.look));
    }
    return f;
  };

  /** A style from which the sheet takes the colour of the page's theme. */
  explorer.colours = (look) => `--light:${look.light};--dark:${look.dark}`;

  /** The cursor: a line at a step, and a dot on every model that has a value there. */
  explorer.drawCursor = function (svg, view, f, place) {
    const before = svg.querySelector(".cursor");
    if (before) before.remove();
    if (place === null) return;
    const area = svg.querySelector(".area");
    const cursor = put(area, "g", { class: "cursor" });
    const at = f.x(view.steps[place]).toFixed(2);
    put(cursor, "path", { d: `M${at} 0v${f.inner.height}`, stroke: "var(--x-ink)", "stroke-dasharray": "4 3" });
    for (const line of view.lines) {
      const { look } = line;
      const v = explorer.valueAt(line, view.steps[place]);
      if (v === null || (view.log && !(v > 0))) continue;
      put(cursor, "circle", { class: "model", style: explorer.colours(look), cx: at, cy: f.y(v).toFixed(2), r: line.beside ? 3.5 : 5, fill: "currentColor", stroke: "var(--x-page)", "stroke-width": 1.5 });
    }
  };

  /** The sample of a line in the legend. */
  explorer.sample = function (look) {
    const svg = drawn("svg", { class: "model sample", viewBox: "0 0 40 12", width: 40, height: 12, "aria-hidden": "true", style: explorer.colours(look) });
    put(svg, "path", {
      d: "M1 6h38", stroke: "currentColor", "stroke-width": look.width, fill: "none", opacity: look.opacity || 1,
      ...(look.dash.length ? { "stroke-dasharray": look.dash.join(" ") } : {}),
    });
    return svg;
  };
})();
