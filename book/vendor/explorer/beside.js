/* A second record beside the one that is shown: its lines in the same drawing, thinner and paler.

   Both begin where the flows were started. The second one's steps are moved there, so that what is
   compared is what has happened since. */

(function () {
  "use strict";

  const explorer = window.rodflowExplorer;
  const PALE = 0.7, THIN = 0.6;

  const others = (run, kind) => explorer.index.runs.filter((other) => other.name !== run.name && kind in other.kinds);

  /** Whether a record of this name can be compared with a run in a quantity. */
  explorer.mayStandBeside = (name, run, kind) => others(run, kind).some((other) => other.name === name);

  /** A run in a few words. */
  explorer.inWords = function (run) {
    const { architectures, data } = explorer.index;
    return `${run.title[0].toUpperCase()}${run.title.slice(1)}, ${architectures[run.architecture]}, ${data[run.data]}` +
      (run.variant ? ` (${run.variant})` : "");
  };

  /** What the menu offers, as [value, words]: first what is of the same cell, then all others. */
  explorer.besides = function (run, kind) {
    const near = (other) => ["architecture", "data", "optimizer"].filter((key) => other[key] === run[key]).length;
    const list = others(run, kind).sort((a, b) => near(b) - near(a));
    return [["", "no other run"], ...list.map((other) => [other.name, explorer.inWords(other)])];
  };

  /** The lines of the second run, on the steps of the first; `tags` are those that are on. */
  explorer.linesBeside = function (run, other, numbers, tags) {
    const shift = run.steps[0] - other.steps[0];
    const { looks } = explorer.index;
    return numbers.tags.filter((tag) => tags.includes(tag)).map((tag) => ({
      tag: `${tag}-beside`, label: `${other.models[tag]}, ${explorer.inWords(other)}`, beside: tag,
      look: { ...looks[tag], width: THIN * looks[tag].width, opacity: PALE },
      points: numbers.steps.map((step, i) => [step + shift, numbers.series[tag][i]]),
    }));
  };

  /** The value of a line at a step of the first run: that of its nearest sample, if there is one near. */
  explorer.valueAt = function (line, step) {
    const { points } = line;
    line.steps ??= points.map(([t]) => t);
    const best = points[explorer.nearest(line.steps, step)];
    const apart = points.length > 1 ? points[1][0] - points[0][0] : 1;
    return best && Math.abs(best[0] - step) <= apart / 2 ? best[1] : null;
  };
})();
