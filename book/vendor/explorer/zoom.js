/* How the reader moves about in the explorer's drawing: pointer, wheel, fingers, keys.

   `explorer.moves(plot, view, act)` listens on the element around the drawing. `view()` gives what
   is drawn, { view, frame, first, last }, or null; `act` is called to change it:
   act.cursor(place), act.zoom(x, y), act.reset(). */

(function () {
  "use strict";

  const explorer = window.rodflowExplorer;
  const LEAST = 4; // Steps in view, at the closest.
  const DRAG = 8; // Pixels from which on a click is a drag.
  const FACTOR = 1.6;

  const within = (value, low, high) => Math.min(Math.max(value, low), high);
  const whole = (x) => x.map(Math.round);

  /** Steps in view after zooming by a factor about a step; null where that is the whole run. */
  explorer.zoomed = function (x, first, last, factor, about) {
    const width = Math.max((x[1] - x[0]) / factor, LEAST);
    if (width >= last - first) return null;
    const share = (about - x[0]) / (x[1] - x[0]);
    const from = within(about - share * width, first, last - width);
    return whole([from, from + width]);
  };

  /** Steps in view after moving by a share of them. */
  explorer.panned = function (x, first, last, share) {
    const from = within(x[0] + share * (x[1] - x[0]), first, last - (x[1] - x[0]));
    const moved = whole([from, from + (x[1] - x[0])]);
    return moved[0] <= first && moved[1] >= last ? null : moved;
  };

  function keys(plot, view, act) {
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };
    plot.addEventListener("keydown", (event) => {
      const seen = view();
      if (!seen || event.ctrlKey || event.metaKey || event.altKey) return;
      const count = seen.view.steps.length;
      const { key } = event;
      if (key in step) {
        // The first key press puts the cursor into the middle of what is in view.
        const middle = (seen.view.x[0] + seen.view.x[1]) / 2;
        const place = seen.place === null ? explorer.nearest(seen.view.steps, middle) : seen.place + step[key];
        act.cursor(within(place, 0, count - 1));
      } else if (key === "Home") act.cursor(0);
      else if (key === "End") act.cursor(count - 1);
      else if (key === "+" || key === "=") act.closer(FACTOR);
      else if (key === "-" || key === "−") act.closer(1 / FACTOR);
      else if (key === "0" || key === "Escape") act.reset();
      else return;
      event.preventDefault();
    });
  }

  function wheel(plot, view, act) {
    plot.addEventListener("wheel", (event) => {
      // A reader who scrolls the page past the drawing does not want to zoom.
      if (!view() || !(document.activeElement === plot || event.ctrlKey)) return;
      event.preventDefault();
      const { frame } = view();
      const about = frame.step(event.clientX - plot.getBoundingClientRect().left - frame.left);
      act.closer(event.deltaY < 0 ? 1.25 : 0.8, about);
    }, { passive: false });
  }

  function pointers(plot, band, view, act) {
    const fingers = new Map();
    let start = null, pinch = null;

    const inside = (event) => {
      const box = plot.getBoundingClientRect();
      const { frame } = view();
      return [
        within(event.clientX - box.left - frame.left, 0, frame.inner.width),
        within(event.clientY - box.top - frame.top, 0, frame.inner.height),
      ];
    };
    const follow = (event) => {
      const { frame, view: seen } = view();
      act.cursor(explorer.nearest(seen.steps, frame.step(inside(event)[0])));
    };
    const spread = () => {
      const [a, b] = [...fingers.values()];
      return { apart: Math.max(Math.abs(a - b), 20), middle: (a + b) / 2 };
    };

    /** The band that a drag has drawn; flat, it is about steps only. */
    function drag(event) {
      const [x, y] = inside(event);
      const { frame } = view();
      const flat = Math.abs(y - start[1]) < 4 * DRAG;
      const [top, height] = flat ? [0, frame.inner.height] : [Math.min(y, start[1]), Math.abs(y - start[1])];
      const [left, width] = [Math.min(x, start[0]), Math.abs(x - start[0])];
      return { left, width, top, height, flat };
    }

    plot.addEventListener("pointerdown", (event) => {
      if (!view() || event.button !== 0) return;
      if (event.pointerType === "touch") {
        fingers.set(event.pointerId, inside(event)[0]);
        pinch = fingers.size === 2 ? { ...spread(), x: view().view.x } : null;
        if (fingers.size === 1) follow(event);
        return;
      }
      start = inside(event);
      plot.setPointerCapture(event.pointerId);
    });

    plot.addEventListener("pointermove", (event) => {
      if (!view()) return;
      if (fingers.has(event.pointerId)) {
        fingers.set(event.pointerId, inside(event)[0]);
        if (pinch && fingers.size === 2) {
          const { first, last, frame } = view();
          const about = pinch.x[0] + (pinch.middle / frame.inner.width) * (pinch.x[1] - pinch.x[0]);
          act.zoom(explorer.zoomed(pinch.x, first, last, spread().apart / pinch.apart, about), null);
        } else follow(event);
        return;
      }
      if (event.pointerType === "touch") return;
      follow(event);
      if (!start) return;
      const { left, width, top, height } = drag(event);
      const { frame } = view();
      band.hidden = width < DRAG;
      Object.assign(band.style, {
        left: `${frame.left + left}px`, width: `${width}px`, top: `${frame.top + top}px`, height: `${height}px`,
      });
    });

    plot.addEventListener("pointerup", (event) => {
      fingers.delete(event.pointerId);
      if (!start || !view()) return;
      const { left, width, top, height, flat } = drag(event);
      const { frame } = view();
      start = null;
      band.hidden = true;
      if (width < DRAG) return;
      const x = whole([frame.step(left), frame.step(left + width)]);
      const y = [frame.value(top + height), frame.value(top)].map((v) => Number(v.toPrecision(4)));
      if (x[1] - x[0] >= 1) act.zoom(x, flat ? null : y);
    });

    plot.addEventListener("pointercancel", (event) => {
      fingers.delete(event.pointerId);
      start = pinch = null;
      band.hidden = true;
    });
  }

  explorer.moves = function (plot, band, view, act) {
    keys(plot, view, act);
    wheel(plot, view, act);
    pointers(plot, band, view, act);
  };
})();
