/* What the explorer says of the run under the drawing: what it is, what is judged, where it is from. */

(function () {
  "use strict";

  const explorer = window.rodflowExplorer;

  /** An HTML element with attributes; `text` is its text. */
  explorer.html = function (name, attributes, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key === "text") element.textContent = value;
      else element.setAttribute(key, value);
    }
    element.append(...children);
    return element;
  };
  const { html } = explorer;

  /** The rulings' Markdown, as rodflow_book.notebook prints it: *partly* and **fails**. */
  function ruled(cell) {
    return cell.split(/(\*+[a-z]+\*+)/).filter(Boolean).map((part) => {
      const word = part.replaceAll("*", "");
      return word === part ? part : html(part.startsWith("**") ? "b" : "em", { text: word });
    });
  }

  function rulings(run) {
    const { claims, legend } = explorer.index;
    const table = html("table", {},
      html("thead", {}, html("tr", {}, ...["model", "distance over floor", ...claims]
        .map((text) => html("th", { scope: "col", text })))),
      html("tbody", {}, ...run.rows.map(([model, ...cells]) => html("tr", {},
        html("th", { scope: "row", text: model }), ...cells.map((cell) => html("td", {}, ...ruled(cell)))))));
    // What scrolls has to be reached by keys, too.
    const scroll = html("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "The claims, model by model" }, table);
    return html("details", {}, html("summary", { text: "The paper’s claims on this run, model by model" }),
      scroll, html("p", { class: "small", text: legend }));
  }

  function verdict(run) {
    if (!run.verdict) return [];
    return [" ", html("span", { class: "bar" }, `${run.bar}: `, html("b", { text: run.verdict }), ".")];
  }

  /** Pages on which such a run is discussed, beside the optimizer's chapter: [page, words]. */
  function discussed(run) {
    const tags = Object.keys(run.models);
    return [
      ["cifar10", "CIFAR-10", run.data === "cifar10" && run.planned],
      ["rivals", "the rivals on networks", ["central", "edge"].some((tag) => tags.includes(tag))],
      ["cost", "cost and accuracy", tags.some((tag) => tag.includes("_fine"))],
      ["limits", "limits", run.variant && !run.planned],
    ].filter(([, , there]) => there);
  }

  function links(run, root) {
    const list = [html("a", { href: `${root}${run.chapter}`, text: `The chapter on ${run.title}` })];
    for (const [page, text] of discussed(run)) list.push(html("a", { href: `${root}notebooks/${page}.html`, text }));
    list.push(html("a", { href: `${root}notebooks/claims.html`, text: "how it is judged" }));
    if (run.record) list.push(html("a", { href: `${root}${run.record}`, text: "the record" }));
    const line = html("p", { class: "links" });
    list.forEach((link, i) => line.append(...(i ? [" · "] : []), link));
    const again = html("p", { class: "again" }, "To compute it again: ", html("code", { text: run.command }),
      run.record ? "" : ` (the record: figures/runs/${run.name}.nc in the source).`);
    return [line, again];
  }

  /** Fill the part of the page that says which run is shown. */
  explorer.describe = function (place, run, root) {
    const { architectures, data } = explorer.index;
    const title = run.title[0].toUpperCase() + run.title.slice(1);
    const what = `${title} on the ${architectures[run.architecture]}, ${data[run.data]}` +
      (run.variant ? ` (${run.variant})` : "");
    const files = run.files > 1
      ? [html("p", { class: "small", text: `A long run: every step of it is here, in ${run.files} files by quantity.` })]
      : [];
    place.replaceChildren(
      html("p", { class: "said" }, html("b", { text: `${what}: ` }), `${run.made} `, run.said, ...verdict(run)),
      ...(run.rows && run.rows.length ? [rulings(run)] : []), ...files, ...links(run, root));
  };

  /** The sentences on what is not here: planned and not recorded, or damaged. */
  explorer.missing = function () {
    const { lacking, left_out: damaged, runs } = explorer.index;
    const said = [`${runs.length} records are here.`, ...damaged];
    if (lacking.length) said.push(`Planned and not recorded: ${lacking.join(", ")}.`);
    return said.join(" ");
  };
})();
