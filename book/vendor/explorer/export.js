/* What the explorer gives away: the numbers in view as CSV, the drawing as SVG, both as Blobs. */

(function () {
  "use strict";

  const explorer = window.rodflowExplorer;

  function save(text, type, name) {
    const url = URL.createObjectURL(new Blob([text], { type }));
    const link = document.createElement("a");
    link.href = url;
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
    // Not at once: the browser reads it after this function has returned.
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }

  const units = (quantity) => (quantity.units === "1" ? "a pure number" : quantity.units || "as recorded");

  /** The steps and models in view, as they were loaded; an empty cell where there is no value. */
  explorer.csv = function (view, run, state) {
    const { index } = explorer;
    const quantity = index.quantities[state.q];
    const head = [
      `record: ${run.name} (figures/runs/${run.name}.nc); ${run.title} on the ` +
        `${index.architectures[run.architecture]}, ${index.data[run.data]}`,
      `made with: ${run.made}`,
      `quantity: ${quantity.title} (${state.q}); units: ${units(quantity)}`,
      `rounded to ${index.digits} significant digits; steps ${view.x.map(Math.round).join(" to ")}`,
      ...view.lines.map((line) => `${line.tag}: ${line.label}`),
      ...(state.beside ? [`beside it: ${state.beside} (figures/runs/${state.beside}.nc), its steps counted as those ` +
        `of ${run.name}, from where the flows were started`] : []),
      `threshold of the preconditioned sharpness: ${run.threshold}`,
      `cite: ${index.cite}`,
    ].map((line) => `# ${line}`);
    const rows = view.steps.map((step) => [step, ...view.lines.map((line) => explorer.valueAt(line, step))]);
    const within = rows.filter(([step]) => step >= view.x[0] && step <= view.x[1]);
    const cells = within.map((row) => row.map((v) => (v === null ? "" : v)).join(","));
    return [...head, ["step", ...view.lines.map((line) => line.tag)].join(","), ...cells, ""].join("\n");
  };

  explorer.svg = function (view) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    explorer.draw(svg, view, 760, 440, true);
    return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(svg)}\n`;
  };

  const nameOf = (run, state) => `${run.name}-${state.q}`;
  explorer.saveCsv = (view, run, state) =>
    save(explorer.csv(view, run, state), "text/csv;charset=utf-8", `${nameOf(run, state)}.csv`);
  explorer.saveSvg = (view, run, state) =>
    save(explorer.svg(view), "image/svg+xml", `${nameOf(run, state)}.svg`);
})();
