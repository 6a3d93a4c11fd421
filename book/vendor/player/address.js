/* What a reader has chosen on a page, in its address: a link gives the same view again.

   After "#" stand NAME=TEXT of every player and widget that is not as it was at first. Nothing goes
   into the browser's history: to go back is to leave the page. */

(function () {
  "use strict";
  if (window.rodflowAddress) return;

  const LATER = 250; // Milliseconds: an address that changed with every step of a slider would be refused.
  const changes = new Map();
  let timer = null;

  const given = () => new URLSearchParams(location.hash.slice(1));

  function write() {
    timer = null;
    const said = new Map([...given()].filter(([, text]) => text));
    for (const [name, text] of changes) {
      if (text) said.set(name, text);
      else said.delete(name);
    }
    changes.clear();
    const hash = [...said].map(([name, text]) => `${name}=${text}`).join("&");
    if (hash !== location.hash.slice(1)) {
      history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
    }
  }

  window.rodflowAddress = {
    /** What the address says of a name: a text, or null. */
    read: (name) => given().get(name),

    /** Say it, a little later; null where all is as it was at first. */
    write(name, text) {
      changes.set(name, text);
      clearTimeout(timer);
      timer = setTimeout(write, LATER);
    },

    /** Call `changed` with what the address says of a name when the reader has followed a link. */
    follow(name, changed) {
      window.addEventListener("hashchange", () => changed(given().get(name)));
    },

    /** Bring what the address speaks of into view: once now, and again when formulas have their size. */
    arrive(box) {
      const show = () => box.scrollIntoView({ block: "start" });
      show();
      window.addEventListener("load", () =>
        Promise.resolve(window.MathJax && MathJax.startup && MathJax.startup.promise).then(show));
    },
  };
})();
