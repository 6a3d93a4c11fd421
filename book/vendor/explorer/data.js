/* The explorer's numbers. A page opened from disk may fetch nothing, so the numbers of a run are a
   script that is inserted when the reader asks for it: index.js says which there are, and
   runs/NAME.I.js sets rodflowExplorerData["NAME/I"], packed. rodflow_book/build/explorer.py writes
   both, and rodflow_book/build/pack.py says how numbers are packed. */

(function () {
  "use strict";

  const explorer = (window.rodflowExplorer = {});
  // Where this file lies, whatever page it is on.
  const folder = document.currentScript.src.replace(/[^/]*$/, "");
  const waiting = new Map();

  /** The number that a whole number stands for; null for one that is not finite. */
  function value(code) {
    if (code === 0) return 0;
    if (code === 1 << 30) return null;
    const size = Math.abs(code);
    const digits = 1e5 + (size % 9e5);
    return Math.sign(code) * Number(`${digits}e${Math.floor(size / 9e5) - 405}`);
  }

  /** The numbers of a packed file: { steps, series }. */
  async function unpacked(text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const raw = new Uint8Array(await new Response(stream).arrayBuffer());
    let at = raw.indexOf(10) + 1;
    const file = JSON.parse(new TextDecoder().decode(raw.subarray(0, at)));
    for (const byTag of Object.values(file.series)) {
      for (const [tag, count] of Object.entries(byTag)) {
        let code = 0;
        byTag[tag] = Array.from({ length: count }, (_, i) => {
          const [a, b, c, d] = [0, 1, 2, 3].map((column) => raw[at + column * count + i]);
          const step = a | (b << 8) | (c << 16) | (d << 24);
          code = (code + ((step >>> 1) ^ -(step & 1))) | 0;
          return value(code);
        });
        at += 4 * count;
      }
    }
    return file;
  }

  /** Insert the script of a file once; `done` when its numbers are there, or it is not. */
  function insert(key, url, done) {
    if (waiting.has(url)) {
      waiting.get(url).push(done);
      return;
    }
    waiting.set(url, [done]);
    const script = document.createElement("script");
    const finish = () => {
      const all = waiting.get(url);
      // A file that was missing may be there the next time.
      waiting.delete(url);
      script.remove();
      all.forEach((call) => call());
    };
    script.onload = async () => {
      const data = window.rodflowExplorerData;
      data[key] = await unpacked(data[key]).catch(() => null);
      finish();
    };
    script.onerror = finish;
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
    const url = `${folder}runs/${encodeURIComponent(run.name)}.${run.kinds[kind]}.js`;
    // While it is being unpacked it is no more than a text.
    if (!waiting.has(url) && (window.rodflowExplorerData || {})[key]) return give();
    return insert(key, url, give);
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
