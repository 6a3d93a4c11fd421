/* The motion player: recorded numbers, drawn step by step.

   It computes nothing. A script beside the page's figures, written by rodflow_book.motion, sets
   window.rodflowMotion[NAME]; every <div class="rodflow-player" data-motion="NAME"> plays one. Nothing
   moves before a button is pressed: at first the last step is shown, a finished picture. Where
   address.js is on the page, "#NAME=STEP" shows another, and the address follows who steps. */

(function () {
  "use strict";
  // The script stands beside every player of a page.
  if (window.rodflowPlayer) return;
  window.rodflowPlayer = true;

  const SVG = "http://www.w3.org/2000/svg";
  const drawn = (name, attributes) => fill(document.createElementNS(SVG, name), attributes);
  const html = (name, attributes) => fill(document.createElement(name), attributes);
  const put = (parent, name, attributes) => parent.appendChild(drawn(name, attributes));

  function fill(element, attributes) {
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key === "text") element.textContent = value;
      else element.setAttribute(key, value);
    }
    return element;
  }

  /** Steps a second for a reader who has asked for less motion: few, and never a glide. */
  const CALM = 2;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

  // --- the drawing ---------------------------------------------------------------------------

  function ticks(low, high) {
    const raw = (high - low) / 4;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = power * [1, 2, 5, 10].find((n) => n >= raw / power - 1e-9);
    const first = Math.ceil(low / step - 1e-9);
    const count = Math.floor(high / step + 1e-9) - first + 1;
    return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(6)));
  }

  const sign = (value) => String(value).replace("-", "−");
  const line = (points) => `M${points.map((p) => p.map((v) => v.toFixed(2)).join(" ")).join("L")}`;

  /** What stands still in a panel; gives the place of a point, and the area in which things move. */
  function ground(svg, panel) {
    svg.replaceChildren();
    const named = panel.labels.some((label) => label);
    const [left, right, top, bottom] = named ? [46, 18, 44, 38] : [2, 2, 24, 2];
    const width = Math.max(svg.clientWidth, 200);
    const [across, up] = [panel.x[1] - panel.x[0], panel.y[1] - panel.y[0]];
    if (panel.equal) svg.style.height = `${Math.round(((width - left - right) * up) / across) + top + bottom}px`;
    const height = Math.max(svg.clientHeight, 120);
    const inner = { width: width - left - right, height: height - top - bottom };
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const at = (x, y) => [((x - panel.x[0]) / across) * inner.width, ((panel.y[1] - y) / up) * inner.height];
    put(svg, "text", { class: "name", x: 2, y: 14, text: panel.title });
    if (named) axes(svg, panel, at, left, top, inner);
    // A nested <svg> cuts off what lies outside of the axes.
    const area = put(svg, "svg", { class: "area", x: left, y: top, ...inner });
    for (const { kind, dotted, shade, x, y } of panel.curves) {
      const d = line(x.map((v, i) => at(v, y[i])));
      if (shade === undefined) put(area, "path", { class: `still ${kind}${dotted ? " dotted" : ""}`, d });
      else put(area, "path", { class: `shade ${kind}`, d: `${d}Z`, "fill-opacity": shade });
    }
    for (const [x, y, text] of panel.words) {
      const [px, py] = at(x, y);
      const word = put(area, "text", { class: "word", y: py + 4, "text-anchor": "middle", text });
      // Kept within the drawing on a narrow page.
      const half = word.getComputedTextLength() / 2 + 2;
      word.setAttribute("x", Math.min(Math.max(px, half), inner.width - half));
    }
    return { at, moving: put(area, "g", { class: "moving" }) };
  }

  /** Grid, numbers and names; `left` and `top` are where the area begins that is `width` by `height`. */
  function axes(svg, panel, at, left, top, { width, height }) {
    for (const v of ticks(...panel.x)) {
      const x = left + at(v, 0)[0];
      put(svg, "path", { class: "grid", d: `M${x} ${top}v${height}` });
      put(svg, "text", { x, y: top + height + 16, "text-anchor": "middle", text: sign(v) });
    }
    for (const v of ticks(...panel.y)) {
      const y = top + at(0, v)[1];
      put(svg, "path", { class: "grid", d: `M${left} ${y}h${width}` });
      put(svg, "text", { x: left - 6, y: y + 4, "text-anchor": "end", text: sign(v) });
    }
    put(svg, "text", { x: left + width / 2, y: top + height + 33, "text-anchor": "middle", text: panel.labels[0] });
    put(svg, "text", { x: 2, y: 33, text: panel.labels[1] });
  }

  const trail = ({ kind, wide }) => `trail ${kind}${wide ? " wide" : ""}`;

  /** A mark of a track, its centre at (x, y); of a rod both ends, and the bar between them. */
  function mark(parent, { kind, mark: shape }, [x, y], [dx, dy]) {
    const look = { class: `mark ${kind}` };
    if (shape === "square") put(parent, "rect", { ...look, x: x - 5.5, y: y - 5.5, width: 11, height: 11 });
    else if (shape === "diamond") put(parent, "path", { ...look, d: `M${x} ${y - 8}l8 8l-8 8l-8 -8Z` });
    else if (shape === "triangle") put(parent, "path", { ...look, d: `M${x} ${y - 8}l8 14h-16Z` });
    else if (shape === "ring") put(parent, "circle", { class: `ring ${kind}`, cx: x, cy: y, r: 7.5 });
    else if (shape === "cross") put(parent, "path", { class: `ring ${kind}`, d: `M${x - 6} ${y - 6}l12 12m0 -12l-12 12` });
    else if (shape === "rod") {
      put(parent, "path", { class: `bar ${kind}`, d: line([[x - dx, y - dy], [x + dx, y + dy]]) });
      for (const s of [-1, 1]) put(parent, "circle", { ...look, cx: x + s * dx, cy: y + s * dy, r: 4.5 });
    } else put(parent, "circle", { ...look, cx: x, cy: y, r: 7.5 });
  }

  /** Draw what moves in a panel as it is at a step. */
  function show(panel, { at, moving }, i) {
    moving.replaceChildren();
    for (const track of panel.tracks) {
      if (!track.trail) continue;
      const past = track.x.slice(0, i + 1).map((x, j) => at(x, track.y[j]));
      if (track.start) past.unshift(at(...track.start));
      put(moving, "path", { class: trail(track), d: line(past) });
      // An optimizer jumps: where it has been are points, which the line only joins.
      if (track.kind === "disc" && !track.wide) {
        put(moving, "path", { class: "visited disc", d: past.map((p) => `${line([p])}h0`).join("") });
      }
    }
    const origin = at(0, 0);
    for (const track of panel.tracks) {
      const half = track.half_x ? at(track.half_x[i], track.half_y[i]) : origin;
      const group = put(moving, "g", { "data-track": track.name });
      mark(group, track, at(track.x[i], track.y[i]), half.map((v, k) => v - origin[k]));
    }
  }

  // --- the player ----------------------------------------------------------------------------

  let count = 0;

  function buildLegend(panels) {
    const legend = html("ul", { class: "legend" });
    const seen = new Set();
    for (const track of panels.flatMap((panel) => panel.tracks)) {
      if (seen.has(track.name)) continue;
      seen.add(track.name);
      const item = legend.appendChild(html("li"));
      const key = item.appendChild(drawn("svg", { viewBox: "0 0 34 20", "aria-hidden": "true" }));
      if (track.trail) put(key, "path", { class: trail(track), d: "M2 10H32" });
      mark(key, track, [17, 10], [10, 0]);
      item.append(track.name);
    }
    return legend;
  }

  function buildControls(motion) {
    const id = `rodflow-player-${++count}`;
    const group = html("div", { class: "controls", role: "group", "aria-label": motion.title });
    const button = (kind, text) => group.appendChild(html("button", { type: "button", class: kind, text }));
    const play = button("play", "Play");
    const back = button("back", "Step back");
    const on = button("on", "Step on");
    const scrub = group.appendChild(html("p", { class: "scrub" }));
    scrub.appendChild(html("label", { for: id, text: "Step" }));
    // Without autocomplete="off" a page that is reloaded keeps the step it was left at.
    const range = { type: "range", id, min: 0, max: motion.steps.length - 1, step: 1, autocomplete: "off" };
    const slider = scrub.appendChild(html("input", range));
    const number = scrub.appendChild(html("output", { for: id, "aria-live": "off" }));
    return { group, play, back, on, slider, number };
  }

  function build(box) {
    if (box.dataset.built) return;
    box.dataset.built = "yes";
    const motion = (window.rodflowMotion || {})[box.dataset.motion];
    if (!motion) {
      box.replaceChildren(html("p", { text: `The numbers of the motion “${box.dataset.motion}” are not beside this page.` }));
      return;
    }
    const { group, play, back, on, slider, number } = buildControls(motion);
    const panels = html("div", { class: "panels" });
    const drawings = motion.panels.map((panel) =>
      panels.appendChild(drawn("svg", { role: "img", "aria-label": `${panel.title}. ${panel.alt}` })));
    const said = html("p", { class: "said", role: "status" });
    const note = html("p", { class: "note", role: "status" });
    box.replaceChildren(html("p", { class: "title", text: motion.title }), panels, buildLegend(motion.panels), group, said, note);
    const address = window.rodflowAddress;

    const last = motion.steps.length - 1;
    let step = last, timer = null, grounds = [];

    function go(to) {
      step = Math.min(Math.max(to, 0), last);
      slider.value = step;
      slider.setAttribute("aria-valuetext", `step ${motion.steps[step]}`);
      number.textContent = motion.steps[step];
      said.textContent = motion.words[step];
      motion.panels.forEach((panel, i) => show(panel, grounds[i], step));
    }

    function pause() {
      clearTimeout(timer);
      timer = null;
      play.textContent = "Play";
      // Read out once it stands still, and not at every step on the way.
      said.setAttribute("aria-live", "polite");
    }

    function later() {
      timer = setTimeout(advance, 1000 / (calm.matches ? Math.min(CALM, motion.rate) : motion.rate));
    }

    function advance() {
      chosen(step + 1);
      if (step === last) pause();
      else later();
    }

    function start() {
      said.setAttribute("aria-live", "off");
      play.textContent = "Pause";
      if (step === last) chosen(0);
      later();
    }

    /** As high as the longest of its texts, so that nothing moves below while it plays. */
    function makeRoom() {
      said.style.minHeight = "";
      said.textContent = motion.words.reduce((a, b) => (b.length > a.length ? b : a));
      said.style.minHeight = `${said.offsetHeight}px`;
    }

    /** The reader has gone to a step: the address says which, unless it is the one shown at first. */
    function chosen(to) {
      go(to);
      note.textContent = "";
      if (address) address.write(box.dataset.motion, step === last ? null : String(motion.steps[step]));
    }

    /** Show the step that the address asks for. */
    function arrive(text) {
      if (!text) return;
      const found = motion.steps.indexOf(Number(text));
      pause();
      if (found >= 0) go(found);
      else note.textContent = `The address asks for step ${text}, which is not shown here.`;
      address.arrive(box);
    }

    function draw() {
      makeRoom();
      grounds = motion.panels.map((panel, i) => ground(drawings[i], panel));
      go(step);
    }

    play.addEventListener("click", () => (timer === null ? start() : pause()));
    back.addEventListener("click", () => { pause(); chosen(step - 1); });
    on.addEventListener("click", () => { pause(); chosen(step + 1); });
    slider.addEventListener("input", () => { pause(); chosen(slider.valueAsNumber); });

    draw();
    pause();
    if (address) {
      arrive(address.read(box.dataset.motion));
      address.follow(box.dataset.motion, arrive);
    }
    let width = box.clientWidth;
    new ResizeObserver(() => {
      if (box.clientWidth !== width) {
        width = box.clientWidth;
        draw();
      }
    }).observe(box);
  }

  function startAll() {
    document.querySelectorAll("div.rodflow-player").forEach(build);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", startAll);
  else startAll();
})();
