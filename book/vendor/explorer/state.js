/* What the reader looks at, as the part of the address after "#": a link gives the same view again.

   { run, q, beside, models, log, x, y, step }: the record's name, the quantity, the name of a second
   record beside it (null: none), tags of the models that are on, whether the axis is logarithmic, the
   part of the axes that is in view (null: all of it, and what fits), and the step under the cursor
   (null: none). What is as it would be without being said
   does not stand in the address. */

(function () {
  "use strict";

  const explorer = window.rodflowExplorer;
  const FIRST = "adam-mlp-cifar";

  explorer.runNamed = (name) => explorer.index.runs.find((run) => run.name === name);

  const usualModels = (run) => Object.keys(run.models).filter((tag) => !run.hidden.includes(tag));
  const firstKind = (run) => Object.keys(run.kinds)[0];
  const same = (one, other) => one.length === other.length && one.every((v, i) => v === other[i]);

  explorer.usual = function (name) {
    const run = explorer.runNamed(name) || explorer.runNamed(FIRST) || explorer.index.runs[0];
    const q = firstKind(run);
    const { log } = explorer.index.quantities[q];
    return { run: run.name, q, beside: null, models: usualModels(run), log, x: null, y: null, step: null };
  };

  /** The same view of another run: its quantity and models, where it has them. */
  explorer.moveTo = function (state, name) {
    const run = explorer.runNamed(name);
    const before = explorer.runNamed(state.run);
    const next = explorer.usual(name);
    if (state.q in run.kinds) Object.assign(next, { q: state.q, log: state.log });
    if (explorer.mayStandBeside(state.beside, run, next.q)) next.beside = state.beside;
    // A model that the reader turned off stays off, one that was not there is as usual.
    const wanted = (tag) => (tag in before.models ? state.models.includes(tag) : !run.hidden.includes(tag));
    next.models = Object.keys(run.models).filter(wanted);
    return next;
  };

  explorer.write = function (state) {
    const run = explorer.runNamed(state.run);
    const { log } = explorer.index.quantities[state.q];
    const said = [`run=${state.run}`];
    if (state.q !== firstKind(run)) said.push(`q=${state.q}`);
    if (state.beside) said.push(`beside=${state.beside}`);
    if (!same(state.models, usualModels(run))) said.push(`models=${state.models.join(",")}`);
    if (state.log !== log) said.push(`axis=${state.log ? "log" : "linear"}`);
    if (state.x) said.push(`x=${state.x.join(":")}`);
    if (state.y) said.push(`y=${state.y.join(":")}`);
    if (state.step !== null) said.push(`step=${state.step}`);
    return `#${said.join("&")}`;
  };

  /** An interval "a:b" with a < b, or null. */
  function interval(text) {
    const ends = (text || "").split(":");
    const [a, b] = ends.map(Number);
    return ends.length === 2 && ends.every((end) => end.trim()) && a < b && isFinite(b - a) ? [a, b] : null;
  }

  /** The state of an address and a sentence on what there is not; null where it names no view. */
  explorer.read = function (hash) {
    const given = new URLSearchParams(hash.replace(/^#/, ""));
    if (!given.has("run")) return null;
    const notes = [];
    const state = explorer.usual(given.get("run"));
    if (state.run !== given.get("run")) {
      notes.push(`There is no record ${given.get("run")} in this book; this is ${state.run}.`);
      return { state, note: notes[0] };
    }
    const run = explorer.runNamed(state.run);
    if (given.has("q") && given.get("q") in run.kinds) {
      state.q = given.get("q");
      state.log = explorer.index.quantities[state.q].log;
    } else if (given.has("q")) {
      const title = explorer.index.quantities[state.q].title;
      notes.push(`This record holds no ${given.get("q")}; this is its ${title}.`);
    }
    if (explorer.mayStandBeside(given.get("beside"), run, state.q)) state.beside = given.get("beside");
    else if (given.has("beside")) notes.push(`There is no record ${given.get("beside")} to stand beside it.`);
    if (given.has("models")) {
      const tags = given.get("models").split(",").filter(Boolean);
      state.models = Object.keys(run.models).filter((tag) => tags.includes(tag));
      const unknown = tags.filter((tag) => !(tag in run.models));
      if (unknown.length) notes.push(`This record holds no model ${unknown.join(", ")}.`);
    }
    const axis = given.get("axis");
    if (["log", "linear"].includes(axis)) state.log = axis === "log";
    else if (axis) notes.push(`An axis is linear or log, not ${axis}.`);
    for (const key of ["x", "y"]) {
      state[key] = interval(given.get(key));
      if (given.get(key) && !state[key]) notes.push(`${key}=${given.get(key)} is no part of an axis; this is all of it.`);
    }
    const step = given.get("step");
    if (step && Number.isInteger(Number(step))) state.step = Number(step);
    else if (step) notes.push(`${step} is no step.`);
    return { state, note: notes.join(" ") };
  };
})();
