/* The quartic widget: sliders, a button that plays, and what is to be seen.

   Every <div class="quartic-widget"> gets one, of heavy ball in phase space, or with
   data-optimizer="gd" of gradient descent on the curve of its loss. numerics.js computes, drawing.js
   draws, player/address.js keeps what was chosen in the page's address. Nothing moves before a button
   is pressed. */

(function () {
  "use strict";

  const { simulate, threshold, fill, drawn, halfStep, drawLoss, drawPhase, drawTime } = window.rodflowQuartic;
  const address = window.rodflowAddress;

  // --- what the reader can change ------------------------------------------------------------

  const STEPS = 60;
  const START = { w0: 0.05, m0: 0, steps: STEPS, substeps: 4 };
  /** Steps a second; fewer for a reader who has asked for less motion. */
  const RATE = 8, CALM = 2;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

  const SLIDERS = [
    { key: "ratio", words: "sharpness", min: 0.8, max: 1.6, step: 0.01, value: 1.05 },
    { key: "beta", words: "momentum", symbol: "β", min: 0, max: 0.8, step: 0.01, value: 0.5 },
    { key: "eta", words: "learning rate", symbol: "η", min: 0.2, max: 1, step: 0.01, value: 0.5 },
    { key: "kappa", words: "flattening", symbol: "κ", min: 0.2, max: 4, step: 0.1, value: 1 },
    { key: "t", words: "step shown", symbol: "t", min: 0, max: STEPS - 1, step: 1, value: 4 },
  ];

  const HEAVY_BALL = {
    tag: "quartic", name: "heavy ball", symbol: "S_HB", ratio: "S / S_HB", changes: {}, left: drawPhase,
    fixed: "fixed rod, equation (156)",
    seen: "Phase plane of weight and first moment: heavy ball’s iterates, and the flow’s rod with its centre",
  };
  /** Without momentum nothing runs away before twice the threshold, and all takes longer. */
  const DESCENT = {
    tag: "descent", name: "gradient descent", symbol: "2/η", ratio: "S / (2/η)",
    changes: { ratio: { max: 2 }, t: { value: 10 } }, left: drawLoss,
    fixed: "fixed length about 0",
    seen: "The loss as a curve: gradient descent’s iterates on its two walls, the flow’s rod between them",
  };

  const slidersOf = (form) => SLIDERS.filter(({ key }) => form === HEAVY_BALL || key !== "beta")
    .map((slider) => ({ ...slider, ...form.changes[slider.key] }));

  const html = (name, attributes) => fill(document.createElement(name), attributes);
  const decimals = (step) => (String(step).split(".")[1] || "").length;

  /** A text with S_HB in it, as nodes: what follows the "_" is set lower. */
  const lowered = (text) => text.split(/_(HB)/).map((part, i) => (i % 2 ? html("sub", { text: part }) : part));

  /** A number for reading: three digits, and no powers of ten. */
  function words(value) {
    const size = Math.abs(value);
    if (size < 0.0001) return "less than 0.0001";
    return size < 0.01 ? size.toFixed(4) : size.toPrecision(3);
  }

  // --- the words -----------------------------------------------------------------------------

  /** The step at which the iterates leave the well, where the loss begins to fall; or -1. */
  function escape(run, { S, kappa }) {
    const wall = Math.sqrt(S / kappa);
    return run.iterates.findIndex(([w]) => !(Math.abs(w) < wall));
  }

  /** Whether the optimizer is on an orbit whose half-displacement goes up and down, not on the rod's. */
  function wanders(run, limit) {
    const late = Array.from({ length: 20 }, (_, i) => Math.abs(halfStep(run, STEPS - 20 + i)));
    const turns = late.some((d, i) => i > 1 && (d - late[i - 1]) * (late[i - 1] - late[i - 2]) < 0);
    return turns && Math.max(...late) - Math.min(...late) > 0.05 * limit;
  }

  /** What is seen, in a heading of a few words and a sentence or two. */
  function verdict(form, { run, values, limit }) {
    const { ratio, S, kappa, t } = values;
    const out = escape(run, values);
    const above = `S = ${Number(S.toPrecision(4))} lies above the threshold ${form.symbol} = ${run.threshold.toFixed(2)}`;
    const measured = `At step ${t} the half-displacement in w is ${words(halfStep(run, t))} for ` +
      `${form.name} and ${words(run.rods[t][0])} for the rod`;
    if (out >= 0) {
      const far = ratio > 1.5
        ? "Above three halves of it no rod centred at 0 is stable"
        : "The fixed point is stable, but the start overshoots it";
      return ["Out of the well", `${above}. ${far}: at step ${out} the iterates pass ` +
        `√(S/κ) = ${words(Math.sqrt(S / kappa))}, beyond which the loss falls for ever.`];
    }
    if (ratio <= 1) {
      const below = above.replace("lies above", "does not exceed");
      return ["Quiet", `${below}: the oscillation dies out. ${measured}.`];
    }
    const theory = `√((S − ${form.symbol})/κ) = ${words(limit)}`;
    if (ratio > 1.5) {
      return ["Off centre", `${above.replace("the threshold", "three halves of the threshold")}, where the ` +
        `centre cannot stay at 0 and the amplitude is no longer ${theory}. ${measured}.`];
    }
    const orbit = wanders(run, limit)
      ? `the rod’s amplitude is ${theory}, but from this start ${form.name} has found another orbit`
      : `${form.name} keeps bouncing, in the end with the amplitude ${theory}`;
    return ["Oscillating", `${above}: ${orbit}. ${measured}.`];
  }

  // --- the address ---------------------------------------------------------------------------

  /** What differs from the start, as "key:value,key:value"; null where nothing does. */
  function written(sliders, values) {
    const said = sliders.filter(({ key, value }) => values[key] !== value).map(({ key }) => `${key}:${values[key]}`);
    return said.join(",") || null;
  }

  /** The values of such a text, and a sentence on what is none. */
  function understood(sliders, text) {
    const values = Object.fromEntries(sliders.map(({ key, value }) => [key, value]));
    const wrong = [];
    for (const part of (text || "").split(",").filter(Boolean)) {
      const [key, number] = part.split(":");
      const slider = sliders.find((one) => one.key === key);
      if (!slider) wrong.push(`there is no slider ${key}`);
      else if (!(number && number >= slider.min && number <= slider.max)) {
        wrong.push(`${key} goes from ${slider.min} to ${slider.max}`);
      } else values[key] = Number(number);
    }
    return { values, note: wrong.length ? `The address is not all understood: ${wrong.join("; ")}.` : "" };
  }

  // --- the widget ----------------------------------------------------------------------------

  let count = 0;

  function buildControls(form, sliders) {
    const number = ++count;
    const inputs = {};
    const box = html("div", { class: "controls", role: "group", "aria-label": "Parameters" });
    for (const { key, words: text, symbol, value, ...range } of sliders) {
      const id = `quartic-${number}-${key}`;
      const row = box.appendChild(html("div", { class: "control", "data-key": key }));
      const label = row.appendChild(html("label", { for: id, text: `${text} ` }));
      label.appendChild(html("i")).append(...lowered(symbol || form[key]));
      // The slider says its value itself; read out twice it would be a nuisance.
      const output = row.appendChild(html("output", { for: id, "aria-live": "off" }));
      // Without autocomplete="off" a page that is reloaded keeps the values it was left with.
      const input = row.appendChild(html("input", { type: "range", id, ...range, value, autocomplete: "off" }));
      inputs[key] = { input, output, step: range.step };
    }
    // What moves in time stands together.
    const drive = html("div", { class: "drive" });
    const play = drive.appendChild(html("button", { type: "button", class: "play", text: "Play" }));
    const reset = drive.appendChild(html("button", { type: "button", class: "reset", text: "Reset" }));
    drive.append(inputs.t.input.closest(".control"));
    box.append(drive);
    return { box, inputs, play, reset };
  }

  function buildLegend(form) {
    const legend = html("ul", { class: "legend" });
    for (const [kind, text] of [["iterates", `${form.name}’s iterates`], ["rod", "the flow’s rod"],
      ["centre", "its centre"], ["limit", form.fixed]]) {
      const item = legend.appendChild(html("li"));
      item.append(html("span", { class: `key ${kind}`, "aria-hidden": "true" }), text);
    }
    return legend;
  }

  function build(box) {
    if (box.dataset.built) return;
    box.dataset.built = "yes";
    const form = box.dataset.optimizer === "gd" ? DESCENT : HEAVY_BALL;
    const sliders = slidersOf(form);
    const { box: controls, inputs, play, reset } = buildControls(form, sliders);
    const note = html("p", { class: "note", role: "status" });
    const said = html("p", { class: "verdict", role: "status" });
    const plots = html("div", { class: "plots" });
    const left = plots.appendChild(drawn("svg", { class: "left", role: "img" }));
    const time = plots.appendChild(drawn("svg", { class: "time", role: "img" }));
    box.replaceChildren(controls, note, said, plots, buildLegend(form));
    let timer = null;

    /** Read the sliders, and write their values beside them. */
    function read() {
      const values = {};
      for (const [key, { input, output, step }] of Object.entries(inputs)) {
        values[key] = input.valueAsNumber;
        output.textContent = values[key].toFixed(decimals(step));
      }
      return values;
    }

    function draw() {
      const values = read();
      values.S = values.ratio * threshold(values);
      const run = simulate({ ...values, ...START });
      const out = escape(run, values);
      const limit = values.ratio > 1 ? Math.sqrt((values.S - run.threshold) / values.kappa) : 0;
      const kit = { run, values, limit, seen: out < 0 ? run.iterates.length : out };
      const [title, sentence] = verdict(form, kit);
      said.replaceChildren(html("b", { text: `${title}. ` }), ...lowered(sentence));
      form.left(left, kit);
      drawTime(time, kit);
      left.setAttribute("aria-label", `${form.seen}, up to step ${values.t}. ${title}.`);
      time.setAttribute("aria-label", `Half-displacement against time, of ${form.name} and of the ` +
        `flow’s rod. ${title}.`);
    }

    function changed() {
      note.textContent = "";
      draw();
      address.write(form.tag, written(sliders, read()));
    }

    function put(values) {
      for (const { key } of sliders) inputs[key].input.value = values[key];
    }

    function pause() {
      clearTimeout(timer);
      timer = null;
      play.textContent = "Play";
      // Read out once it stands still, and not at every step on the way.
      said.setAttribute("aria-live", "polite");
    }

    function later() {
      timer = setTimeout(() => {
        inputs.t.input.stepUp();
        changed();
        if (inputs.t.input.valueAsNumber < STEPS - 1) later();
        else pause();
      }, 1000 / (calm.matches ? CALM : RATE));
    }

    function start() {
      said.setAttribute("aria-live", "off");
      play.textContent = "Pause";
      if (inputs.t.input.valueAsNumber === STEPS - 1) {
        inputs.t.input.value = 0;
        changed();
      }
      later();
    }

    /** Show what the address asks for; what it does not name is as at first. */
    function arrive(text) {
      const found = understood(sliders, text);
      put(found.values);
      pause();
      draw();
      note.textContent = found.note;
      if (text) address.arrive(box);
    }

    for (const [key, { input }] of Object.entries(inputs)) {
      input.addEventListener("input", () => {
        if (key === "t") pause();
        changed();
      });
    }
    play.addEventListener("click", () => (timer === null ? start() : pause()));
    reset.addEventListener("click", () => {
      pause();
      put(understood(sliders, "").values);
      changed();
    });
    arrive(address.read(form.tag));
    address.follow(form.tag, (text) => text && arrive(text));
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

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
