"use strict";
// How things are put on the page and said. Every value goes in as text, never as markup: cohort
// ids and names, topics and details come from outside.
const $ = (id) => document.getElementById(id);
function make(tag, text, kind) {
  const made = document.createElement(tag);
  if (text !== undefined && text !== null) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

const known = (value) => value !== null && value !== undefined;
const count = (n) => known(n) ? Math.round(n).toLocaleString("en") : "–";
const short = (n) => n < 10 && n % 1 ? n.toFixed(1) : n < 10_000 ? count(n)
  : n < 1e6 ? `${+(n / 1e3).toFixed(1)}k` : `${+(n / 1e6).toFixed(1)}M`;
const plural = (n, noun) => `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
const span = (s) => !known(s) ? "–" : s < 0.9995 ? `${Math.round(s * 1000)} ms`
  : s < 10 ? `${+s.toFixed(1)} s` : s < 120 ? `${Math.round(s)} s` : s < 7200 ? `${Math.round(s / 60)} min`
  : s < 172_800 ? `${+(s / 3600).toFixed(1)} h` : `${Math.round(s / 86_400)} d`;
const ago = (s) => s < 1 ? "just now" : `${span(Math.round(s))} ago`;
const between = (at, now) => Math.max(0, (Date.parse(now) - Date.parse(at)) / 1000);

/** A bar with a part for each share; [share, kind] or just a share. */
function bar(...shares) {
  const made = make("span", null, "bar");
  made.setAttribute("aria-hidden", "true");
  for (const [share, kind] of shares.map((each) => [].concat(each))) {
    const part = make("i", null, kind);
    part.style.width = `${Math.min(100, 100 * share).toFixed(1)}%`;
    made.append(part);
  }
  return made;
}

/** Make the rows of a table say this, and touch only what has changed: a selection stays. */
function fill(body, rows) {
  while (body.rows.length > rows.length) body.lastElementChild.remove();
  rows.forEach((cells, r) => {
    const row = body.rows[r] || body.appendChild(make("tr"));
    cells.forEach((cell, c) => {
      const said = JSON.stringify(cell), place = row.children[c] || row.appendChild(header(c));
      if (place.said !== said) { place.said = said; paint(place, cell); }
    });
  });
}
function header(column) {
  const made = make(column ? "td" : "th");
  if (!column) made.scope = "row";
  return made;
}

/** A cell: { text, kind, small, pill, code, share }. */
function paint(place, { text, kind, small, pill, code, share }) {
  place.className = kind || "";
  place.replaceChildren(pill ? make("span", text, `pill ${pill}`) : code ? make("code", text) : make("span", text));
  if (known(small)) place.append(make("small", small));
  if (known(share)) place.append(bar(share));
}

/** Replace the text only if it is another one. */
function say(id, text) { if ($(id).textContent !== text) $(id).textContent = text; }
