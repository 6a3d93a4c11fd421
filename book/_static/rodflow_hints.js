// Shows what an equation or a term says where a page refers to it: when the reference is pointed at or
// focused. Escape closes it. On a touch screen, and without this script, a reference is a link as ever.
(function () {
  "use strict";

  const LINKS = 'a[href*="#eq-"], a[href*="#term-"]';
  const DATA = new URL("rodflow-hints-data.js", document.currentScript.src).href;
  const tip = document.createElement("div");
  let anchor = null; // the reference that is shown
  let timer = 0;
  let loading = null;

  function load() {
    loading = loading || new Promise((done) => {
      const script = document.createElement("script");
      script.src = DATA;
      script.onload = script.onerror = () => done(window.rodflowHints || {});
      document.head.append(script);
    });
    return loading;
  }

  function link(target) {
    const found = target instanceof Element ? target.closest(LINKS) : null;
    return found && !found.matches(".headerlink, nav a") ? found : null;
  }

  function place() {
    const at = anchor.getBoundingClientRect();
    const room = document.documentElement.clientWidth;
    const left = Math.max(8, Math.min(at.left, room - tip.offsetWidth - 8));
    const below = at.bottom + 6;
    const fits = below + tip.offsetHeight <= window.innerHeight || at.top < tip.offsetHeight + 6;
    const top = fits ? below : at.top - tip.offsetHeight - 6;
    tip.style.left = `${left + window.scrollX}px`;
    tip.style.top = `${top + window.scrollY}px`;
  }

  async function show(wanted) {
    if (wanted === anchor) return;
    hide();
    anchor = wanted;
    const hints = await load();
    const text = hints[decodeURIComponent(wanted.hash.slice(1))];
    if (anchor !== wanted || !text) return;
    tip.innerHTML = text;
    tip.hidden = false;
    place();
    // One reference may describe itself by something else already.
    wanted.dataset.describedby = wanted.getAttribute("aria-describedby") || "";
    wanted.setAttribute("aria-describedby", tip.id);
    if (window.MathJax && window.MathJax.startup) {
      await window.MathJax.startup.promise;
      if (anchor !== wanted) return;
      await window.MathJax.typesetPromise([tip]);
      // A hint is read, not entered.
      for (const part of tip.querySelectorAll("[tabindex]")) part.removeAttribute("tabindex");
      if (anchor === wanted) place();
    }
  }

  function hide() {
    clearTimeout(timer);
    if (anchor && "describedby" in anchor.dataset) {
      const before = anchor.dataset.describedby;
      if (before) anchor.setAttribute("aria-describedby", before);
      else anchor.removeAttribute("aria-describedby");
      delete anchor.dataset.describedby;
    }
    anchor = null;
    tip.hidden = true;
    if (window.MathJax && window.MathJax.typesetClear) window.MathJax.typesetClear([tip]);
  }

  function soon(what, wait) {
    clearTimeout(timer);
    timer = setTimeout(what, wait);
  }

  function start() {
    tip.id = "rodflow-hint";
    tip.className = "rodflow-hint";
    tip.setAttribute("role", "tooltip");
    tip.hidden = true;
    document.body.append(tip);
    document.addEventListener("pointerover", (event) => {
      if (event.pointerType === "touch") return;
      const found = link(event.target);
      if (found) soon(() => show(found), 150);
      // The pointer may go to the hint, to read or to scroll it.
      else if (tip.contains(event.target)) clearTimeout(timer);
      else if (anchor && !anchor.matches(":focus-visible")) soon(hide, 250);
      else if (!anchor) clearTimeout(timer);
    });
    document.addEventListener("focusin", (event) => {
      const found = link(event.target);
      if (found && found.matches(":focus-visible")) show(found);
    });
    document.addEventListener("focusout", (event) => {
      if (event.target === anchor) hide();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !tip.hidden) hide();
    });
    document.addEventListener("click", (event) => {
      if (!tip.contains(event.target)) hide();
    });
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
