/* What is wider than the page scrolls in its own box, and says so. Such a box can be reached by keyboard
   while it scrolls, and only then: a tab stop that does nothing is in the way. */

(function () {
  "use strict";

  const BOXES = {
    ".figure-image": "figure",
    ".pst-scrollable-table-container": "table",
    "div.cell_output .text_html": "table",
    "mjx-container[display]": "formula",
  };

  function mark() {
    for (const [selector, what] of Object.entries(BOXES)) {
      for (const box of document.querySelectorAll(selector)) {
        const wide = box.scrollWidth > box.clientWidth;
        if (wide) {
          box.tabIndex = 0;
          if (what !== "formula") {
            box.setAttribute("role", "group");
            box.setAttribute("aria-label", `${what}, wider than the page: scrolls`);
            box.dataset.scrolls = "";
          }
        } else if (box.hasAttribute("tabindex")) {
          box.removeAttribute("tabindex");
          if (what !== "formula") {
            box.removeAttribute("role");
            box.removeAttribute("aria-label");
            delete box.dataset.scrolls;
          }
        }
      }
    }
  }

  addEventListener("load", () => {
    mark();
    // Formulas have their width once they are set; what they stand in, and letters that come late, follow.
    const sizes = new ResizeObserver(() => requestAnimationFrame(mark));
    const observe = () => {
      mark();
      for (const box of document.querySelectorAll(Object.keys(BOXES).join())) {
        for (const part of [box, box.firstElementChild]) if (part) sizes.observe(part);
      }
    };
    if (window.MathJax && MathJax.startup) MathJax.startup.promise.then(observe);
    else observe();
  });
  addEventListener("resize", mark);
  // Folded boxes have no width until they are opened.
  document.addEventListener("toggle", mark, true);
})();
