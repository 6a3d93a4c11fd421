/* The explorer's numbers. A page opened from disk may fetch nothing, so the numbers of a run are a
   script that is inserted when the reader asks for it: index.js says which there are, and
   runs/NAME.I.js sets rodflowExplorerData["NAME/I"]. rodflow_book/build/explorer.py writes both. */

(function () {
  "use strict";

  const explorer = (window.rodflowExplorer = {});
  // Where this file lies, whatever page it is on.
  const folder = document.currentScript.src.replace(/[^/]*$/, "");
  const waiting = new Map();

  /** Insert a script once; `done(true)` when it has run, `done(false)` when it is not there. */
  function insert(url, done) {
    if (waiting.has(url)) {
      waiting.get(url).push(done);
      return;
    }
    waiting.set(url, [done]);
    const script = document.createElement("script");
    const finish = (good) => {
      const all = waiting.get(url);
      // A file that was missing may be there the next time.
      waiting.delete(url);
      script.remove();
      all.forEach((call) => call(good));
    };
    script.onload = () => finish(true);
    script.onerror = () => finish(false);
    script.src = url;
    document.head.append(script);
  }

  /** Bring the numbers of one quantity of a run, then call `done` with them, or with null.

      They are { tags, steps, series }: of every trajectory an array as long as `steps`, null where
      the record has no finite value. */
  explorer.load = function (run, kind, done) {
    const key = `${run.name}/${run.kinds[kind]}`;
    const give = () => {
      const file = (window.rodflowExplorerData || {})[key];
      const series = file && file.series[kind];
      if (!series) return done(null);
      const steps = file.steps[explorer.index.quantities[kind].dim];
      // In the order of the run's own list of models, the optimizer first.
      const tags = Object.keys(run.models).filter((tag) => tag in series);
      return done({ tags, steps, series });
    };
    if ((window.rodflowExplorerData || {})[key]) return give();
    return insert(`${folder}runs/${run.name}.${run.kinds[kind]}.js`, give);
  };

  /** The place of the sample nearest to a step, of ascending steps. */
  explorer.nearest = function (steps, step) {
    let best = 0;
    for (let i = 1; i < steps.length; i++) {
      if (Math.abs(steps[i] - step) < Math.abs(steps[best] - step)) best = i;
    }
    return best;
  };

  /** The runs of an optimizer on a network and data; what is left out may be anything. */
  explorer.runsOf = function (optimizer, architecture, data) {
    return explorer.index.runs.filter((run) =>
      (!optimizer || run.optimizer === optimizer) &&
      (!architecture || run.architecture === architecture) && (!data || run.data === data));
  };
})();
