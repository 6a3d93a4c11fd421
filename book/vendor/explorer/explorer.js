/* The explorer: a reader chooses a recorded run and a quantity, and looks at it.

   Every <div class="rodflow-explorer"> gets one; `data-root` says where the site begins. The other
   files beside this one: data.js (numbers), state.js (the address), beside.js (a second run), plot.js
   (the drawing), zoom.js (pointer and keys), about.js (words), export.js (files). */

(function () {
  "use strict";

  const explorer = window.rodflowExplorer;
  const { html } = explorer;
  const LATER = 300; // Milliseconds after which the address and the spoken values follow the cursor.

  // --- parts of the page ---------------------------------------------------------------------

  let count = 0;

  function select(id, words, changed) {
    const input = html("select", { id, autocomplete: "off" });
    input.addEventListener("change", () => changed(input.value));
    return { box: html("div", { class: "control" }, html("label", { for: id, text: words }), input), input };
  }

  /** Fill a menu with [value, words, whether there is such a record]. */
  function offer(input, entries, chosen) {
    input.replaceChildren(...entries.map(([value, words, there = true]) => {
      const option = html("option", { value, text: there ? words : `${words} (not recorded)` });
      option.disabled = !there;
      option.selected = value === chosen;
      return option;
    }));
  }

  function button(words, pressed, attributes) {
    const made = html("button", { type: "button", text: words, ...attributes });
    made.addEventListener("click", pressed);
    return made;
  }

  const HELP = "Drag over a part to see it closer; the wheel does it too, once the drawing has been " +
    "clicked, or with Ctrl. Keys on the drawing: arrows, Page Up and Page Down, Home and End move the cursor; " +
    "+ and − zoom, 0 shows the whole run. On a touch screen one finger moves the cursor, two zoom.";

  /** The parts of an explorer, in the order in which they are read. */
  function parts(box, act) {
    const id = `explorer-${++count}`;
    const menus = {};
    const choices = html("div", { class: "choices", role: "group", "aria-label": "Run and quantity" });
    for (const [key, words] of [["optimizer", "Optimizer"], ["architecture", "Network"], ["data", "Data"],
      ["axis", "Axis"], ["q", "Quantity"], ["variant", "Variant"], ["beside", "Compare with"]]) {
      menus[key] = select(`${id}-${key}`, words, (value) => act.choose(key, value));
      if (key === "q") menus[key].box.classList.add("long");
      if (["variant", "beside"].includes(key)) menus[key].box.classList.add("whole");
      choices.append(menus[key].box);
    }
    const note = html("p", { class: "note", role: "status" });
    const tools = html("div", { class: "tools", role: "group", "aria-label": "Part of the run in view" },
      button("Zoom in", () => act.closer(1.6)), button("Zoom out", () => act.closer(1 / 1.6)),
      button("Earlier", () => act.pan(-0.5)), button("Later", () => act.pan(0.5)),
      button("Whole run", () => act.reset()));
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("aria-hidden", "true");
    const band = html("div", { class: "band" });
    band.hidden = true;
    const plot = html("div", {
      class: "plot", tabindex: "0", role: "slider", "aria-label": "Step under the cursor",
      "aria-describedby": `${id}-words ${id}-help`,
    }, svg, band);
    const words = html("p", { class: "unseen", id: `${id}-words` });
    const help = html("details", { class: "help" }, html("summary", { text: "How to move about" }),
      html("p", { id: `${id}-help`, text: HELP }));
    const at = html("p", { class: "at", "aria-hidden": "true" });
    const legend = html("ul", { class: "legend", "aria-label": "Models" });
    const spoken = html("p", { class: "unseen values", role: "status" });
    const files = html("div", { class: "tools files", role: "group", "aria-label": "Files of this view" },
      button("Numbers (CSV)", () => act.save("saveCsv")), button("Drawing (SVG)", () => act.save("saveSvg")));
    const about = html("div", { class: "about" });
    const missing = html("details", { class: "small" }, html("summary", { text: "What is recorded" }),
      html("p", { text: explorer.missing() }));
    box.replaceChildren(choices, note, tools, plot, words, at, legend, spoken, help, files, about, missing);
    return { menus, note, plot, svg, band, words, at, legend, spoken, about };
  }

  // --- one explorer --------------------------------------------------------------------------

  function build(box) {
    if (box.dataset.built) return;
    box.dataset.built = "yes";
    const root = box.dataset.root || "";
    let state = null; // What the reader looks at, see state.js.
    let numbers = null; // Of the run and quantity that are drawn; null while there are none.
    let second = null; // Those of the run beside it.
    let drawing = null; // { view, frame, first, last, place }
    let later = null, speaking = null;
    const act = { choose, closer, pan, reset, save, cursor, zoom };
    const page = parts(box, act);
    const runNow = () => explorer.runNamed(state.run);

    // --- the address ---

    function note() {
      clearTimeout(later);
      later = null;
      history.replaceState(null, "", explorer.write(state));
    }

    /** Small changes follow in the address a little later; chosen ones are a step in its history. */
    function remember(chosen) {
      if (!chosen) {
        clearTimeout(later);
        later = setTimeout(note, LATER);
      } else if (explorer.write(state) !== location.hash) {
        clearTimeout(later);
        later = null;
        history.pushState(null, "", explorer.write(state));
      }
    }

    /** Show another view: with numbers of its own where run or quantity are others. */
    function show(next, chosen, said) {
      // What the cursor did last belongs to the view that is left.
      if (chosen && later !== null) note();
      const other = !state || ["run", "q", "beside"].some((key) => next[key] !== state[key]);
      if (other) second = null;
      state = next;
      page.note.textContent = said || "";
      if (chosen !== null) remember(chosen);
      fillMenus();
      if (!other) return draw();
      const wanted = state;
      const run = runNow();
      explorer.describe(page.about, run, root);
      return bring(run, wanted, (found) => {
        numbers = found;
        const beside = state.beside && explorer.runNamed(state.beside);
        const drawAll = (other) => {
          second = other;
          fillLegend();
          draw();
        };
        if (found && beside) bring(beside, wanted, drawAll);
        else drawAll(null);
      });
    }

    /** Bring the numbers of a run, unless the reader has gone on meanwhile; say it where there are none. */
    function bring(run, wanted, done) {
      explorer.load(run, wanted.q, (found) => {
        if (["run", "q", "beside"].some((key) => wanted[key] !== state[key])) return;
        if (!found) {
          page.note.textContent = `The numbers of this run are not here: explorer/runs/${run.name}.` +
            `${run.kinds[wanted.q]}.js is missing or damaged; building the book writes it.`;
        }
        done(found);
      });
    }

    // --- menus and legend ---

    function fillMenus() {
      const { runs, architectures, data, quantities } = explorer.index;
      const run = runNow();
      const titles = new Map(runs.map((r) => [r.optimizer, r.title]));
      offer(page.menus.optimizer.input, [...titles], run.optimizer);
      const here = (a, d) => explorer.runsOf(run.optimizer, a, d).length > 0;
      offer(page.menus.architecture.input,
        Object.entries(architectures).map(([a, words]) => [a, words, here(a)]), run.architecture);
      offer(page.menus.data.input,
        Object.entries(data).map(([d, words]) => [d, words, here(run.architecture, d)]), run.data);
      const beside = explorer.runsOf(run.optimizer, run.architecture, run.data);
      page.menus.variant.box.hidden = beside.length < 2;
      offer(page.menus.variant.input, beside.map((r) => [r.name, r.variant || "as in the chapter"]), run.name);
      offer(page.menus.q.input, Object.keys(run.kinds).map((q) => [q, quantities[q].title]), state.q);
      offer(page.menus.beside.input, explorer.besides(run, state.q), state.beside || "");
      offer(page.menus.axis.input, [["linear", "linear"], ["log", "logarithmic"]], state.log ? "log" : "linear");
    }

    function fillLegend() {
      const run = runNow();
      page.legend.replaceChildren(...(numbers ? numbers.tags : []).map((tag) => {
        const id = `${page.words.id}-${tag}`;
        const input = html("input", { type: "checkbox", id, autocomplete: "off", value: tag });
        input.checked = state.models.includes(tag);
        input.addEventListener("change", () => {
          const on = new Set(state.models);
          on[input.checked ? "add" : "delete"](tag);
          show({ ...state, models: Object.keys(run.models).filter((t) => on.has(t)) }, true);
        });
        const label = html("label", { for: id }, explorer.sample(explorer.index.looks[tag]), html("span", { text: run.models[tag] }));
        return html("li", {}, input, label, html("data", { class: "value", "data-model": tag }));
      }));
    }

    /** The boxes as they are to be, and below them the lines of the run beside this one. */
    function checkLegend() {
      for (const input of page.legend.querySelectorAll("input")) input.checked = state.models.includes(input.value);
      page.legend.querySelectorAll(".beside").forEach((item) => item.remove());
      page.legend.append(...linesBeside().map(({ tag, label, look }) => html("li", { class: "beside" },
        explorer.sample(look), html("span", { text: label }), html("data", { class: "value", "data-model": tag }))));
    }

    function choose(key, value) {
      if (key === "q") {
        const beside = explorer.mayStandBeside(state.beside, runNow(), value) ? state.beside : null;
        return show({ ...state, q: value, log: explorer.index.quantities[value].log, y: null, beside }, true);
      }
      if (key === "beside") return show({ ...state, beside: value || null, y: null }, true);
      if (key === "axis") return show({ ...state, log: value === "log", y: null }, true);
      if (key === "variant") return show(explorer.moveTo(state, value), true);
      const run = runNow();
      const wish = { optimizer: run.optimizer, architecture: run.architecture, data: run.data, [key]: value };
      // The nearest that is recorded: the data give way first, then the network.
      const found = explorer.runsOf(wish.optimizer, wish.architecture, wish.data)[0] ||
        explorer.runsOf(wish.optimizer, wish.architecture)[0] || explorer.runsOf(wish.optimizer)[0];
      const { architectures, data } = explorer.index;
      const said = found.data === wish.data && found.architecture === wish.architecture ? ""
        : `${found.title} on the ${architectures[wish.architecture]}, ${data[wish.data]}, is not recorded; ` +
          `this is the ${architectures[found.architecture]}, ${data[found.data]}.`;
      return show(explorer.moveTo(state, found.name), true, said);
    }

    // --- moving about ---

    const full = () => runNow().steps;
    const seen = () => (drawing ? drawing.view.x : full());

    function zoom(x, y) {
      show({ ...state, x, y }, false);
    }

    function closer(factor, about) {
      const [first, last] = full();
      const x = seen();
      const cursor = state.step !== null && state.step >= x[0] && state.step <= x[1] ? state.step : (x[0] + x[1]) / 2;
      zoom(explorer.zoomed(x, first, last, factor, about === undefined ? cursor : about), null);
    }

    function pan(share) {
      const [first, last] = full();
      zoom(explorer.panned(seen(), first, last, share), null);
    }

    function reset() {
      zoom(null, null);
    }

    function cursor(place) {
      if (!drawing) return;
      const step = drawing.view.steps[place];
      if (step === state.step && place === drawing.place) return;
      state.step = step;
      const [from, to] = seen();
      if (step < from || step > to) {
        const [first, last] = full();
        state.x = explorer.panned([from, to], first, last, (step - (from + to) / 2) / (to - from));
        draw();
      } else placeCursor();
      remember(false);
    }

    // --- drawing ---

    /** The lines of the run beside this one, of the models that are on. */
    function linesBeside() {
      return numbers && second ? explorer.linesBeside(runNow(), explorer.runNamed(state.beside), second, state.models) : [];
    }

    function viewNow() {
      const run = runNow();
      const { quantities, architectures, data, looks } = explorer.index;
      const quantity = quantities[state.q];
      const lines = numbers.tags.filter((tag) => state.models.includes(tag)).map((tag) => ({
        tag, label: run.models[tag], look: looks[tag],
        points: numbers.steps.map((step, i) => [step, numbers.series[tag][i]]),
      })).concat(linesBeside());
      const [first, last] = full();
      let x = state.x && [Math.max(state.x[0], first), Math.min(state.x[1], last)];
      if (!x || !(x[0] < x[1])) x = [first, last];
      const one = state.q.startsWith("preconditioned_sharpness");
      const y = state.y && !(state.log && state.y[0] <= 0) ? state.y : explorer.fit(lines, x, state.log, one);
      const units = ["1", ""].includes(quantity.units) ? "" : ` (${quantity.units.replace("^2", "²")})`;
      const name = `${run.title} on the ${architectures[run.architecture]}, ${data[run.data]}: ${quantity.title}`;
      const words = `${name}, from step ${x[0]} to ${x[1]}, ${state.log ? "logarithmic" : "linear"} axis; ` +
        `drawn: ${lines.map((line) => line.label).join(", ") || "no model"}.`;
      return { lines, x, y, log: state.log, one, name, words, steps: numbers.steps, title: `${quantity.title}${units}` };
    }

    function draw() {
      checkLegend();
      drawing = null;
      page.svg.replaceChildren();
      page.words.textContent = "";
      if (numbers) {
        const view = viewNow();
        const [first, last] = full();
        const { clientWidth: width, clientHeight: height } = page.plot;
        const frame = explorer.draw(page.svg, view, Math.max(width, 240), Math.max(height, 200));
        drawing = { view, frame, first, last, place: null };
        page.words.textContent = view.words;
        page.plot.setAttribute("aria-valuemin", numbers.steps[0]);
        page.plot.setAttribute("aria-valuemax", numbers.steps[numbers.steps.length - 1]);
      }
      placeCursor();
    }

    /** The values at the cursor: in the legend at once, for those who listen a little later. */
    function placeCursor() {
      if (drawing) drawing.place = state.step === null ? null : explorer.nearest(numbers.steps, state.step);
      const place = drawing ? drawing.place : null;
      const values = new Map();
      if (drawing) {
        explorer.drawCursor(page.svg, drawing.view, drawing.frame, place);
        for (const line of place === null ? [] : drawing.view.lines) {
          values.set(line.tag, [line.label, explorer.valueAt(line, numbers.steps[place])]);
        }
      }
      for (const data of page.legend.querySelectorAll(".value")) {
        const [, value] = values.get(data.dataset.model) || [];
        data.textContent = value === undefined ? "" : explorer.number(value);
        data.setAttribute("value", value === undefined || value === null ? "" : value);
      }
      const step = place === null ? null : numbers.steps[place];
      page.at.textContent = step === null ? "Point at the drawing for values." : `Step ${step}`;
      page.plot.setAttribute("aria-valuenow", step === null ? full()[0] : step);
      page.plot.setAttribute("aria-valuetext", step === null ? "no step chosen" : `step ${step}`);
      clearTimeout(speaking);
      speaking = setTimeout(() => {
        const said = [...values.values()].map(([label, v]) => `${label} ${v === null ? "no value" : explorer.number(v)}`);
        page.spoken.textContent = step === null ? "" : `Step ${step}: ${said.join("; ") || "no model is on"}.`;
      }, LATER);
    }

    function save(kind) {
      if (drawing) explorer[kind](drawing.view, runNow(), state);
    }

    // --- beginning ---

    explorer.moves(page.plot, page.band, () => drawing, act);
    window.addEventListener("hashchange", () => {
      const found = explorer.read(location.hash);
      if (!found) return;
      clearTimeout(later);
      later = null;
      show(found.state, null, found.note);
      box.scrollIntoView({ block: "nearest" });
    });
    const given = explorer.read(location.hash) || { state: explorer.usual(), note: "" };
    show(given.state, null, given.note);
    let width = page.plot.clientWidth;
    new ResizeObserver(() => {
      if (page.plot.clientWidth === width) return;
      width = page.plot.clientWidth;
      draw();
    }).observe(page.plot);
  }

  function start() {
    explorer.index = window.rodflowExplorerIndex;
    for (const box of document.querySelectorAll("div.rodflow-explorer")) {
      if (explorer.index && explorer.index.runs.length) build(box);
      else box.replaceChildren(html("p", { text: "No record is here: building the book writes explorer/index.js." }));
    }
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
