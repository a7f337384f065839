// The live part of the page at "/": charts of the last minutes, from api/v1/history, and the rest of the page kept as
// new as the server would render it. Without this script the page is a plain status page that loads itself again.
"use strict";

(() => {
  const CHARTS_EVERY_MS = 2000;
  const TABLES_EVERY_MS = 5000;
  const COLOURS = 8; // the last one is for the sum of others
  const MOST_SERIES = 6; // of a chart, fewer than colours; the rest is summed up
  const OTHERS = "others";

  // 1234567 as "1.23 M": three digits, with the unit's prefix.
  const scaled = (value, steps) => {
    const [size, prefix] = steps.find(([size]) => Math.abs(value) >= size) ?? steps[steps.length - 1];
    const number = value / size;
    const digits = Math.abs(number) >= 99.95 || number === 0 ? 0 : Math.abs(number) >= 9.995 ? 1 : 2;
    return [String(Number(number.toFixed(digits))), prefix];
  };
  const LARGE = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]];
  const TIMES = [[1, "s"], [1e-3, "ms"], [1e-6, "µs"]];
  const FORMATS = {
    "1/s": (value) => scaled(value, LARGE).join("") + "/s",
    "B/s": (value) => { const [number, prefix] = scaled(value, LARGE); return `${number} ${prefix}B/s`; },
    "s": (value) => value === 0 ? "0 s" : scaled(value, TIMES).join(" "),
  };

  // "14:05:09", or less of it.
  const clock = (time, length) => time.toTimeString().slice(0, length);

  // A device looks alike in all charts, as far as no two look alike in one.
  const preferred = new Map();
  const coloursOf = (names) => {
    const taken = new Set();
    return names.map((name) => {
      if (name === OTHERS) return COLOURS;
      if (!preferred.has(name)) preferred.set(name, 1 + (preferred.size % (COLOURS - 1)));
      let colour = preferred.get(name);
      while (taken.has(colour)) colour = 1 + (colour % (COLOURS - 1));
      taken.add(colour);
      return colour;
    });
  };
  const style = (variable) => getComputedStyle(document.documentElement).getPropertyValue(variable).trim();

  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  const lastOf = (values) => values.length === 0 ? null : values[values.length - 1];
  const baseName = (path) => path.replace(/\/+$/, "").split("/").pop() || path;
  const nameOf = (series) => [series.source, baseName(series.device)].filter((part) => part !== "").join(" · ");
  const sumOf = (values) => values.reduce((sum, value) => sum + (value ?? 0), 0);

  // The busiest series by name, and one for all others where a chart is of rates, which add up.
  const shownSeries = (chart) => {
    const busiest = [...chart.series].sort((a, b) => sumOf(b.values) - sumOf(a.values));
    const shown = busiest.filter((series) => series.source !== OTHERS).slice(0, MOST_SERIES);
    const rest = chart.series.filter((series) => !shown.includes(series));
    shown.sort((a, b) => nameOf(a).localeCompare(nameOf(b)));
    if (rest.length > 0 && chart.unit !== "s") {
      const values = rest[0].values.map((_, at) => rest.reduce((sum, series) => sum + (series.values[at] ?? 0), 0));
      shown.push({ source: OTHERS, device: "", values });
    }
    return shown;
  };

  class Chart {
    constructor(spec) {
      this.unit = spec.unit;
      this.format = FORMATS[spec.unit];
      this.figure = element("figure");
      this.figure.id = `chart-${spec.id}`;
      const caption = element("figcaption", "", spec.title);
      this.total = element("span");
      caption.append(this.total);
      this.plot = element("div", "plot nothing");
      this.plot.setAttribute("aria-hidden", "true"); // the list below says the same
      this.legend = element("ul");
      this.figure.append(caption, this.plot, this.legend);
      this.graph = null;
    }

    update(spec, times, window) {
      this.series = shownSeries(spec);
      this.times = times;
      if (this.series.length === 0) {
        this.clear(spec);
        return;
      }
      this.colours = coloursOf(this.series.map(nameOf));
      const rows = times.map((time, at) => [new Date(time * 1000), ...this.series.map((series) => series.values[at])]);
      const end = lastOf(times) * 1000;
      const options = {
        file: rows,
        labels: ["time", ...this.series.map((series, at) => `${at} ${nameOf(series)}`)], // unlike each other
        colors: this.colours.map((colour) => style(`--series-${colour}`)),
        gridLineColor: style("--grid"),
        axisLineColor: style("--line"),
        dateWindow: [end - window * 1000, end],
        valueRange: this.range(),
      };
      if (this.graph === null) {
        this.plot.className = "plot";
        this.plot.textContent = "";
        this.graph = new Dygraph(this.plot, rows, { ...options, ...this.fixedOptions() });
      } else {
        this.graph.updateOptions(options);
      }
      this.showValues(times.length - 1);
    }

    // From 0, with room above; all zero is a line at the bottom.
    range() {
      const highest = Math.max(0, ...this.series.flatMap((series) => series.values.map((value) => value ?? 0)));
      return [0, highest === 0 ? 1 : highest * 1.08];
    }

    fixedOptions() {
      return {
        legend: "never",
        fillGraph: true,
        fillAlpha: 0.12,
        strokeWidth: 1.5,
        highlightCircleSize: 3,
        interactionModel: {}, // nothing to drag: the window is the last minutes
        axes: {
          x: { pixelsPerLabel: 70, drawGrid: false, axisLabelFormatter: (time) => clock(time, 5) },
          y: { axisLabelWidth: 62, pixelsPerLabel: 32, axisLabelFormatter: (value) => this.format(value) },
        },
        highlightCallback: (_event, _x, _points, row) => this.showValues(row),
        unhighlightCallback: () => this.showValues(this.times.length - 1),
      };
    }

    clear(spec) {
      if (this.graph !== null) this.graph.destroy();
      this.graph = null;
      this.plot.className = "plot nothing";
      this.plot.textContent = "nothing yet";
      this.plot.title = `from ${spec.metrics.join(", ")}`;
      this.legend.replaceChildren();
      this.total.textContent = "";
    }

    // What the list says: the values under the pointer, or the newest.
    showValues(row) {
      const say = (value) => value === null || value === undefined ? "–" : this.format(value);
      this.legend.replaceChildren(...this.series.map((series, at) => {
        const item = element("li");
        item.style.setProperty("--series", `var(--series-${this.colours[at]})`);
        const name = element("span", "name", nameOf(series));
        name.title = [series.source, series.device].join(" ").trim();
        item.append(name, element("span", "value", say(series.values[row])));
        return item;
      }));
      const newest = row === this.times.length - 1;
      const time = clock(new Date(this.times[row] * 1000), 8);
      const sum = this.unit === "s" ? "" : say(sumOf(this.series.map((series) => series.values[row])));
      this.total.textContent = newest ? sum : `${sum} at ${time}`.trim();
    }
  }

  const charts = new Map();

  const place = (specs) => {
    const live = document.getElementById("live");
    for (const group of [...new Set(specs.map((spec) => spec.group))]) {
      const grid = element("div", "charts");
      for (const spec of specs.filter((spec) => spec.group === group)) {
        const chart = new Chart(spec);
        charts.set(spec.id, chart);
        grid.append(chart.figure);
      }
      live.append(element("h2", "", group), grid);
    }
    document.getElementById("now").hidden = true;
    live.hidden = false;
  };

  const updateCharts = async () => {
    const response = await fetch("api/v1/history", { cache: "no-store" });
    if (!response.ok) throw new Error(await response.text());
    const history = await response.json();
    if (charts.size === 0) place(history.charts);
    for (const spec of history.charts) charts.get(spec.id)?.update(spec, history.times, history.window_seconds);
  };

  // The server renders the tables; what has changed is taken over.
  const updateTables = async () => {
    const response = await fetch("", { cache: "no-store" });
    if (!response.ok) throw new Error(await response.text());
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const id of ["status", "sources", "events"]) {
      const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
      if (fresh !== null && old.innerHTML !== fresh.innerHTML) old.replaceChildren(...fresh.childNodes);
    }
  };

  // What is wrong, by the task that found it: one that goes well says nothing about another.
  const troubles = new Map();
  const setTrouble = (task, text) => {
    troubles.set(task, text);
    document.getElementById("trouble").textContent = [...troubles.values()].find((trouble) => trouble !== "") ?? "";
  };

  // Again and again while the page is visible, and at once when it becomes visible again; one turn at a time.
  const repeat = (task, milliseconds) => {
    let timer = null;
    let isAtWork = false;
    const turn = async () => {
      if (isAtWork) return;
      isAtWork = true;
      clearTimeout(timer);
      try {
        if (!document.hidden) await task();
        setTrouble(task, "");
      } catch (error) {
        setTrouble(task, `no answer from the exporter: ${error.message}`);
      }
      isAtWork = false;
      timer = setTimeout(turn, milliseconds);
    };
    document.addEventListener("visibilitychange", () => { if (!document.hidden) turn(); });
    turn();
  };

  repeat(updateCharts, CHARTS_EVERY_MS);
  repeat(updateTables, TABLES_EVERY_MS);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => updateCharts().catch(() => {}));
})();
