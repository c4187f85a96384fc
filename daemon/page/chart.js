// A line chart of the last minutes, drawn anew with each sample; it knows nothing of the daemon.
const SPAN_MS = 5 * 60_000, SPAN_MIN_MS = 60_000, ROWS = 10;
const EDGE = { left: 44, right: 8, top: 8, bottom: 20 };

/** The least round number that is not below it. */
function nice(value, least) {
  const top = Math.max(value, least), power = 10 ** Math.floor(Math.log10(top));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((step) => step >= top * 0.999);
}

class Chart {
  /** `series`: at most two of { name, of: sample → number or null }; `format` says a number. */
  constructor(id, series, format, least) {
    Object.assign(this, { series, format, least, samples: [], spot: null });
    this.figure = document.getElementById(id);
    this.title = this.figure.querySelector("h3").textContent;
    [this.svg, this.tip, this.details] = ["svg", ".tip", "details"].map((what) => this.figure.querySelector(what));
    this.now = series.map(({ name }) => {
      const item = make("li", name), value = make("b", "–");
      item.append(value);
      this.figure.querySelector(".legend").append(item);
      return value;
    });
    const table = make("table"), head = make("tr"), top = make("thead");
    table.append(make("caption", `${this.title}, the newest first`, "unseen"));
    ["Time", ...series.map(({ name }) => name)].forEach((name, i) => {
      const cell = make("th", name, i ? "n" : ""); cell.scope = "col"; head.append(cell);
    });
    top.append(head); this.body = make("tbody"); table.append(top, this.body); this.details.append(table);
    this.details.addEventListener("toggle", () => this.list());
    this.svg.addEventListener("pointermove", (event) => { this.spot = event.clientX; this.point(); });
    this.svg.addEventListener("pointerleave", () => { this.spot = null; this.point(); });
    new ResizeObserver(() => this.draw()).observe(this.svg);
  }

  /** Take the samples, oldest first; each has `at` in ms. A null value is a gap. */
  show(samples) {
    this.samples = samples;
    const last = samples.at(-1);
    this.series.forEach(({ of }, i) => { this.now[i].textContent = this.say(last ? of(last) : null); });
    this.draw();
    this.list();
  }

  say(value) { return value === null || value === undefined ? "–" : this.format(value); }

  /** Where things are: the time and the height of the plot. */
  scale() {
    const { width, height } = this.svg.getBoundingClientRect(), samples = this.samples;
    const to = samples.length ? samples.at(-1).at : 0;
    const span = Math.min(SPAN_MS, Math.max(SPAN_MIN_MS, samples.length ? to - samples[0].at : 0));
    const values = samples.flatMap((sample) => this.series.map(({ of }) => of(sample) ?? 0));
    const top = nice(Math.max(0, ...values), this.least);
    const right = width - EDGE.right, bottom = height - EDGE.bottom;
    return {
      top, span, right, bottom, width,
      x: (at) => right - ((to - at) / span) * (right - EDGE.left),
      y: (value) => bottom - (value / top) * (bottom - EDGE.top),
    };
  }

  draw() {
    const place = this.scale();
    if (!place.width || !this.samples.length) return;
    const parts = [];
    for (const value of [0, place.top / 2, place.top]) {
      const y = Math.round(place.y(value));
      parts.push(this.part("line", { class: "grid", x1: EDGE.left, x2: place.right, y1: y, y2: y }),
        this.part("text", { class: "axis", x: EDGE.left - 8, y: y + 4, "text-anchor": "end" }, value ? this.format(value) : "0"));
    }
    const minutes = place.span / 60_000, ago = (n) => `−${Number.isInteger(n) ? n : n.toFixed(1)} min`;
    for (const [share, text, anchor] of [[0, ago(Math.round(minutes * 10) / 10), "start"], [1, "now", "end"]]) {
      const x = EDGE.left + share * (place.right - EDGE.left);
      parts.push(this.part("text", { class: "axis", x, y: place.bottom + 16, "text-anchor": anchor }, text));
    }
    this.series.forEach(({ of }, i) => parts.push(...this.curve(of, i, place)));
    this.svg.replaceChildren(...parts);
    this.svg.setAttribute("aria-label", this.describe(minutes));
    this.point();
  }

  /** A line with a break at each gap; the first series is filled down to zero. */
  curve(of, i, place) {
    const runs = [[]], kind = i ? " second" : "", parts = [];
    for (const sample of this.samples) {
      const value = of(sample);
      if (value === null || value === undefined) { if (runs.at(-1).length) runs.push([]); continue; }
      runs.at(-1).push([place.x(sample.at).toFixed(1), place.y(value).toFixed(1)]);
    }
    for (const run of runs.filter((each) => each.length)) {
      const path = `M${run.map((point) => point.join(" ")).join("L")}`;
      if (!i) parts.push(this.part("path", { class: "area", d: `${path}L${run.at(-1)[0]} ${place.bottom}L${run[0][0]} ${place.bottom}Z` }));
      parts.push(this.part("path", { class: `line${kind}`, d: path }));
    }
    const last = of(this.samples.at(-1));
    if (last !== null && last !== undefined) {
      parts.push(this.part("circle", { class: `dot${kind}`, cx: place.right, cy: place.y(last), r: 4 }));
    }
    return parts;
  }

  /** What the chart shows, in words. */
  describe(minutes) {
    const told = this.series.map(({ name, of }) => {
      const values = this.samples.map(of).filter((value) => value !== null && value !== undefined);
      if (!values.length) return `${name}: nothing yet`;
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return `${name}: now ${this.say(of(this.samples.at(-1)))}, on average ${this.format(mean)}, at most ${this.format(Math.max(...values))}`;
    });
    return `${this.title}, ${this.figure.querySelector(".unit").textContent}, last ${Math.max(1, Math.round(minutes))} min. ${told.join(". ")}.`;
  }

  /** The same as a table, while somebody has opened it. */
  list() {
    if (!this.details.open) return;
    const step = Math.max(1, Math.ceil(this.samples.length / ROWS));
    const shown = this.samples.filter((_, i) => (this.samples.length - 1 - i) % step === 0).reverse();
    fill(this.body, shown.map((sample) => [
      { text: new Date(sample.at).toISOString().slice(11, 19) },
      ...this.series.map(({ of }) => ({ text: this.say(of(sample)), kind: "n" })),
    ]));
  }

  /** Show the numbers under the pointer. */
  point() {
    this.svg.querySelector(".cursor")?.remove();
    this.tip.hidden = this.spot === null || !this.samples.length;
    if (this.tip.hidden) return;
    const place = this.scale(), x = this.spot - this.svg.getBoundingClientRect().left;
    const near = this.samples.reduce((best, each) => Math.abs(place.x(each.at) - x) < Math.abs(place.x(best.at) - x) ? each : best);
    const at = place.x(near.at);
    this.svg.append(this.part("line", { class: "cursor", x1: at, x2: at, y1: EDGE.top, y2: place.bottom }));
    this.tip.textContent = [new Date(near.at).toISOString().slice(11, 19), ...this.series.map(({ name, of }) => `${name} ${this.say(of(near))}`)].join("\n");
    const room = place.width - this.tip.offsetWidth;
    this.tip.style.left = `${Math.min(room, Math.max(0, at > place.width / 2 ? at - this.tip.offsetWidth - 10 : at + 10))}px`;
  }

  part(tag, attributes, text) {
    const made = document.createElementNS(this.svg.namespaceURI, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }
}
