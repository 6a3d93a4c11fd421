// On the search page, above what Sphinx finds: the equation that has a number, and the pages that say a
// phrase, with the words around it. The words of the book are one script (`rodflow_search.py`).
(function () {
  "use strict";

  const DATA = new URL("rodflow-search-data.js", document.currentScript.src).href;
  const NUMBER = /^(?:eqs?|equations?)?\.?\s*\(?(\d{1,3})\)?$/i;
  const AROUND = 90; // letters on each side

  const element = (name, text, into) => {
    const made = document.createElement(name);
    made.textContent = text;
    if (into) into.append(made);
    return made;
  };

  // As it was typed, but for spaces and for what keyboards and books write differently.
  const plain = (text) => text.replace(/\s+/g, " ").replace(/[’‘]/g, "'").replace(/[“”]/g, '"').trim();

  // A phrase begins where a word does, and may go on: "rod flow" finds "rod flows".
  function places(text, pattern) {
    return [...plain(text).matchAll(pattern)].map((found) => [found.index, found[0].length]);
  }

  function excerpt(text, [at, length], into) {
    const whole = plain(text);
    let [start, end] = [Math.max(0, at - AROUND), Math.min(whole.length, at + length + AROUND)];
    if (start) start = Math.min(at, whole.indexOf(" ", start) + 1);
    if (end < whole.length) end = Math.max(at + length, whole.lastIndexOf(" ", end));
    const line = element("p", (start ? "… " : "") + whole.slice(start, at), into);
    element("mark", whole.slice(at, at + length), line);
    line.append(whole.slice(at + length, end) + (end < whole.length ? " …" : ""));
  }

  function found(pages, phrase) {
    const escaped = phrase.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const pattern = new RegExp(`${/^[\p{L}\p{N}]/u.test(phrase) ? "(?<![\\p{L}\\p{N}])" : ""}${escaped}`, "giu");
    return pages
      .map(([page, title, sections]) => {
        const hits = sections
          .map(([anchor, heading, text]) => ({ anchor, heading, text, at: places(text, pattern), head: places(heading, pattern).length }))
          .filter((section) => section.at.length || section.head);
        const count = hits.reduce((sum, section) => sum + section.at.length + section.head, 0);
        const headings = hits.reduce((sum, section) => sum + section.head, 0);
        return { page, title, hits, count, rank: 20 * headings + count };
      })
      .filter((one) => one.count)
      .sort((a, b) => b.rank - a.rank);
  }

  function showEquation([page, anchor, words], data, into) {
    const link = element("a", data.pages.find(([uri]) => uri === page)[1], element("p", "", into));
    link.href = `${page}#${anchor}`;
    if (words) link.before(`It says: ${words}. Its place: `);
  }

  function showPage(one, into) {
    const item = element("li", "", into);
    // Where it is said, rather than where it is a heading only.
    const first = one.hits.find((section) => section.at.length) || one.hits[0];
    const link = element("a", one.title, item);
    link.href = `${one.page}#${first.anchor}`;
    const where = first.heading && first.heading !== one.title ? `, ${first.heading}` : "";
    link.after(`${where}${one.count > 1 ? ` (${one.count} places)` : ""}`);
    if (first.at.length) excerpt(first.text, first.at[0], item);
  }

  async function unpacked(text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream).json();
  }

  function show(query, data, into) {
    const number = (query.match(NUMBER) || [])[1];
    const entry = number && data.equations[Number(number)];
    const phrase = entry ? `(${Number(number)})` : query.replace(/^"(.*)"$/, "$1").trim();
    const pages = phrase.length > 1 ? found(data.pages, phrase) : [];
    if (!entry && !pages.length) return;
    element("h2", entry ? `Equation (${Number(number)})` : `“${phrase}”`, into);
    if (entry) showEquation(entry, data, into);
    const said = pages.length === 1 ? "1 page says" : `${pages.length || "No"} pages say`;
    element("p", `${said} “${phrase}”.`, into).setAttribute("role", "status");
    if (pages.length) {
      const list = element("ul", "", into);
      for (const one of pages) showPage(one, list);
    }
  }

  function start() {
    const results = document.getElementById("search-results");
    const query = plain(new URLSearchParams(location.search).get("q") || "");
    if (!results || !query) return;
    // The theme means this one, and takes the first there is, which is hidden: from here Tab leads to what is found.
    const field = document.querySelector(".bd-search-container input");
    if (field) field.focus();
    const box = document.createElement("section");
    box.className = "rodflow-search";
    results.before(box);
    const script = document.createElement("script");
    script.src = DATA;
    script.onload = async () => {
      show(query, await unpacked(window.rodflowSearch), box);
      box.dataset.done = "";
    };
    document.head.append(script);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
