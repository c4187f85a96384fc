// Asks /status every two seconds and shows it; the charts' history is kept here and nowhere else.
const EVERY_MS = 2000, HIDDEN_MS = 10_000, KEPT = SPAN_MS / EVERY_MS, ROWS_SHOWN = 12, BEHIND = 1000, AVERAGED = 4, LATE_S = 60, SAY_AGAIN_MS = 15_000;
const TONES = { assigned: "good", replaying: "busy", waiting: "warn", paused: "warn", parked: "bad" };
const LIMITS = { none: "Nothing", slots: "Request slots", quota: "The quota", braze: "Braze", memory: "Memory", hold: "A hold" };
const charts = [
  new Chart("throughput", [{ name: "Delivered", of: (s) => s.delivered }, { name: "Read", of: (s) => s.read }], short, 10),
  new Chart("latency", [{ name: "Median", of: (s) => s.p50 }, { name: "99th percentile", of: (s) => s.p99 }], span, 0.1),
  new Chart("backlog", [{ name: "Pending", of: (s) => s.pending }, { name: "Left to read", of: (s) => s.left }], short, 10),
];
const samples = [], whole = { partitions: false, cohorts: false };
let before = [], latest = null, timer = null, announced = { kind: "", at: 0 };

function toneOf(s) {
  if (!s.live || s.waits.some((w) => w.act) || (!s.ready && !s.draining && s.membership !== "joining")) return "bad";
  if (s.limited_by === "hold" || s.draining || !s.ready) return "warn";
  return s.records_left || s.pending ? "busy" : "good";
}

/**
 * What went on a second, over the last few answers: windows leave in bursts, and two seconds hold
 * two of them or three. Nothing after a restart, or where no time has passed.
 */
function rates(s) {
  const c = s.counters;
  const now = { at: s.uptime_s, read: c.records_read, delivered: c.delivered_adds + c.delivered_removes };
  if (before.length && now.at < before.at(-1).at) before = [];
  before.push(now);
  if (before.length > AVERAGED) before.shift();
  const old = before[0];
  if (now.at - old.at < 0.2) return {};
  const rate = (name) => (now[name] - old[name]) / (now.at - old.at);
  return { read: rate("read"), delivered: rate("delivered") };
}
function keep(sample) {
  const at = Date.now();
  samples.push({ at, read: null, delivered: null, p50: null, p99: null, pending: null, left: null, ...sample });
  while (samples.length > KEPT || samples[0].at < at - SPAN_MS) samples.shift();
  for (const chart of charts) chart.show(samples);
}

/** Tell who listens of another sentence at once, of the same one with other numbers now and then. */
function announce(text) {
  const kind = text.replace(/[\d.,]+/g, ""), at = Date.now();
  if (kind === announced.kind && at - announced.at < SAY_AGAIN_MS) return;
  announced = { kind, at };
  say("said", text);
}
function setTone(tone) {
  $("state").style.setProperty("--tone", `var(--${tone})`);
  const color = getComputedStyle(document.documentElement).getPropertyValue(`--${tone}`).trim();
  const icon = `<svg xmlns="${document.querySelector("svg").namespaceURI}" viewBox="0 0 16 16"><circle cx="8" cy="8" r="6" fill="${color}"/></svg>`;
  const href = `data:image/svg+xml,${encodeURIComponent(icon)}`;
  const link = document.querySelector("link[rel=icon]");
  if (link.href !== href) link.href = href;
}

function showState(s) {
  document.title = `${s.ready ? "" : "! "}cohortd ${s.workspace}`;
  say("workspace", s.workspace);
  say("summary", s.summary);
  announce(s.summary);
  setTone(toneOf(s));
  const starting = s.draining || s.membership === "joining";
  $("checks").replaceChildren(...["live", "ready"].map((name) => {
    const item = make("li");
    item.append(make("span", s[name] ? name : `not ${name}`, `pill ${s[name] ? "good" : starting ? "warn" : "bad"}`));
    return item;
  }));
  const failing = Object.entries(s.checks).filter(([, check]) => !check.ok && !s.waits.some((w) => w.why === check.detail));
  $("failing").replaceChildren(...failing.map(([name, check]) => make("li", `${name}: ${check.detail}`)));
  $("waits").replaceChildren(...s.waits.map((w) => {
    const item = make("li"), remedy = make("p", null, "act");
    if (!s.summary.endsWith(w.why)) item.append(make("p", w.why, "why"));
    if (w.act) remedy.append(make("span", "Your turn", "pill bad"));
    remedy.append(make("span", w.remedy));
    item.append(remedy);
    if (w.detail) item.append(make("p", w.detail, "detail"));
    return item;
  }));
}

function showNumbers(s) {
  const c = s.counters, answers = s.answer_time;
  const tiles = [
    ["Oldest pending", s.pending ? span(s.oldest_pending_age_s) : "–", `${plural(s.pending, "change")}, memory ${Math.round(100 * s.pending_weight / s.pending_limit)} %`],
    ["Requests on the wire", `${count(s.in_flight)} of ${count(s.slots)}`, s.cohorts_in_backoff ? `${plural(s.cohorts_in_backoff, "cohort")} backing off` : `${count(c.requests)} made, ${count(c.retries)} retried`],
    ["Braze answers in", answers ? span(answers.p50_s) : "–", answers ? `99 % within ${span(answers.p99_s)}` : "no request lately"],
    ["Last accepted", s.last_success_at ? ago(between(s.last_success_at, s.now)) : "never yet", `${plural(c.delivered_adds + c.delivered_removes, "change")} so far`],
    ["Limited by", LIMITS[s.limited_by] || s.limited_by, s.limited_by === "none" ? "as fast as it may be" : s.waits.length ? s.waits[0].reason.replaceAll("_", " ") : ""],
    ["Left to read", count(s.records_left), s.seconds_left ? `about ${span(s.seconds_left)}` : s.records_left ? "" : "at the end of the log"],
  ];
  $("tiles").replaceChildren(...tiles.map(([name, value, note]) => {
    const box = make("div"), shown = make("dd", value);
    shown.append(make("small", note));
    box.append(make("dt", name), shown);
    return box;
  }));
}

function showQuota(s) {
  const { limit, remaining, used_by_others: others, reset_at, budget_per_s: pace } = s.quota;
  if (!known(limit) || !known(remaining)) {
    $("quota").replaceChildren(make("p", "Not heard yet: Braze tells it with its answers."));
    return;
  }
  const theirs = Math.min(others || 0, limit - remaining), ours = limit - remaining - theirs;
  const left = make("p", count(remaining), "big"), parts = make("ul");
  left.append(" ", make("small", `requests left of ${count(limit)}`));
  parts.append(make("li", `this replica ${count(ours)}`), make("li", `others ${count(theirs)}`, "others"), make("li", "left", "left"));
  const hour = reset_at ? `A new hour begins at ${reset_at.slice(11, 16)} UTC` : "When a new hour begins is not known";
  $("quota").replaceChildren(left, bar(ours / limit, [theirs / limit, "others"]), parts,
    make("p", `${hour}${known(pace) ? `; this replica may make ${short(pace)} a second` : ""}.`));
}

/** Fill a table, the first rows of it unless all are wanted, or say why there is none. */
function showTable(name, rows, none) {
  const shown = whole[name] || rows.length <= ROWS_SHOWN + 1 ? rows : rows.slice(0, ROWS_SHOWN), more = $(`${name}-more`);
  $(name).hidden = !rows.length;
  $(`${name}-none`).hidden = rows.length > 0;
  say(`${name}-none`, none);
  if (more) {
    more.hidden = rows.length <= ROWS_SHOWN + 1;
    more.setAttribute("aria-expanded", String(Boolean(whole[name])));
    const text = whole[name] ? "Show fewer" : `Show all ${count(rows.length)}`;
    if (more.textContent !== text) more.textContent = text;
  }
  fill($(name).tBodies[0], shown);
}
function showPartitions(s) {
  const most = Math.max(1, ...s.partitions.map((p) => p.lag || 0));
  const behind = (p) => p.lag > BEHIND ? p.lag : 0;  // A little lag comes and goes: rows shall not jump.
  const rows = [...s.partitions].sort((a, b) => (a.state === "assigned") - (b.state === "assigned") || behind(b) - behind(a) || a.topic.localeCompare(b.topic) || a.partition - b.partition);
  say("partitions-note", rows.length ? `${count(rows.length)} of this replica` : "");
  showTable("partitions", rows.map((p) => {
    const until = p.state === "replaying" && known(p.barrier_to) ? `up to ${count(p.barrier_to)}` : p.waiting_s ? `for ${span(p.waiting_s)}` : undefined;
    return [
      { text: `${p.topic}:${p.partition}` }, { text: p.state, pill: TONES[p.state] || "", small: until },
      { text: count(p.position), kind: "n wide" }, { text: count(p.committed), kind: "n wide" },
      { text: count(p.lag), kind: "n", share: p.lag ? p.lag / most : undefined }, { text: count(p.pending), kind: "n wide" },
    ];
  }), s.membership === "standing_by" ? "None: other replicas have them all. This one takes over when one of them leaves." : "None yet.");
}
function showCohorts(s) {
  const total = (c) => c.delivered_adds + c.delivered_removes, most = Math.max(1, ...s.cohorts.map(total));
  say("cohorts-note", s.cohorts_known > s.cohorts.length ? `${count(s.cohorts.length)} of ${count(s.cohorts_known)}, the most telling ones` : s.cohorts.length ? count(s.cohorts.length) : "");
  const fine = (c) => /^$|ok$|queued$/.test(c.last_answer), late = (c) => c.oldest_age_s > LATE_S ? c.oldest_age_s : 0;
  const rows = [...s.cohorts].sort((a, b) => fine(a) - fine(b) || late(b) - late(a) || total(b) - total(a) || a.id.localeCompare(b.id));
  showTable("cohorts", rows.map((c) => {
    const when = known(c.last_answer_age_s) ? ago(c.last_answer_age_s) : "";
    return [
      { text: c.name || c.id, small: c.name && c.name !== c.id ? c.id : undefined },
      { text: count(c.pending), kind: "n", small: c.pending ? span(c.oldest_age_s) : undefined },
      { text: count(total(c)), kind: "n", share: total(c) / most },
      { text: count(c.delivered_adds), kind: "n wide" }, { text: count(c.delivered_removes), kind: "n wide" },
      { text: c.last_answer || "–", kind: fine(c) ? "answer" : "answer trouble", small: c.in_flight ? "sending now" : when },
    ];
  }), "None seen yet.");
}
function showLetters(s) {
  const total = s.counters.dead_letters, most = Math.max(1, ...s.dead_letters.map((row) => row.count));
  say("letters-note", total ? count(total) : "");
  showTable("letters", s.dead_letters.map((row) => [
    { text: row.reason, code: true, small: row.why }, { text: count(row.count), kind: "n", share: row.count / most },
  ]), "None since this process started.");
}
function showProcess(s) {
  const rows = [["Version", s.version], ["Up", span(s.uptime_s)], ["Group", s.group_id], ["Configuration", s.config_hash], ["Membership", s.membership.replace("_", " ")]];
  $("process").replaceChildren(...rows.flatMap(([name, value]) => [make("dt", name), make("dd", value)]));
}

function show(s) {
  latest = s;
  showState(s); showNumbers(s); showQuota(s); showPartitions(s); showCohorts(s); showLetters(s); showProcess(s);
  // Only what is wider than its card must be reached by keyboard, to be scrolled.
  for (const box of document.querySelectorAll(".scroll")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0; else box.removeAttribute("tabindex");
  }
  say("seen", `${s.now.slice(11, 19)} UTC`);
}
function lose() {
  const text = "No answer from the daemon; what is shown below is old.";
  before = [];
  say("seen", "no answer"); say("summary", text); announce(text); setTone("bad");
  $("failing").replaceChildren(); $("waits").replaceChildren(); $("checks").replaceChildren();
  document.title = "! cohortd";
}
async function refresh() {
  clearTimeout(timer);
  try {
    const answer = await fetch("/status", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(`/status answered ${answer.status}`);
    const s = await answer.json(), { latency } = s;
    show(s);
    keep({ ...rates(s), p50: latency?.p50_s, p99: latency?.p99_s, pending: s.pending, left: s.records_left });
    document.body.classList.remove("lost");
  } catch (error) {
    console.warn(error);
    lose(); keep({});
    document.body.classList.add("lost");
  }
  plan();
}
function plan() {
  clearTimeout(timer);
  if (!paused()) timer = setTimeout(refresh, document.hidden ? HIDDEN_MS : EVERY_MS);
}
const paused = () => $("pause").getAttribute("aria-pressed") === "true";

$("pause").addEventListener("click", () => {
  $("pause").setAttribute("aria-pressed", String(!paused()));
  if (paused()) clearTimeout(timer); else refresh();
});
for (const [name, again] of [["partitions", showPartitions], ["cohorts", showCohorts]]) {
  $(`${name}-more`).addEventListener("click", () => { whole[name] = !whole[name]; again(latest); });
}
document.addEventListener("visibilitychange", () => { if (!document.hidden && !paused()) refresh(); });
refresh();
