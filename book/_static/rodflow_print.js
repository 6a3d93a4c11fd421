// Paper is light, and cannot be unfolded: while a page is printed it is in light colours, and what it folds in
// words (not the code) is open.
(function () {
  "use strict";

  const root = document.documentElement;
  let before = null;

  addEventListener("beforeprint", () => {
    if (before) return;
    const folded = [...document.querySelectorAll("details.sd-dropdown:not([open])")];
    before = { theme: root.dataset.theme, folded };
    root.dataset.theme = "light";
    for (const part of folded) part.open = true;
  });

  addEventListener("afterprint", () => {
    if (!before) return;
    root.dataset.theme = before.theme;
    for (const part of before.folded) part.open = false;
    before = null;
  });
})();
