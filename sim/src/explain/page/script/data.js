// What the page was given, in columns that can be searched by time. Times are nanoseconds of simulated time.

const D = JSON.parse(document.getElementById("data").textContent);
const word = (place) => D.words[place];

/// First place whose value is not less than `value`, from `low` on.
function lower(list, value, low = 0) {
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] < value) low = middle + 1; else high = middle;
  }
  return low;
}

/// The same when it is near to `low`: in steps that double.
function lowerNear(list, value, low) {
  let step = 1;
  let high = low;
  while (high < list.length && list[high] < value) {
    low = high + 1;
    high += step;
    step *= 2;
  }
  high = Math.min(high, list.length);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] < value) low = middle + 1; else high = middle;
  }
  return low;
}

/// Intervals in the order of their beginnings, which may overlap: those that a span of time touches are found without looking
/// at all of them, for of each block of them the latest end is known.
class Intervals {
  static BLOCK = 128;

  constructor(starts, ends, ids) {
    this.starts = starts;
    this.ends = ends;
    this.ids = ids;
    this.latest = new Float64Array(Math.ceil(starts.length / Intervals.BLOCK)).fill(-Infinity);
    ends.forEach((end, place) => {
      const block = Math.floor(place / Intervals.BLOCK);
      this.latest[block] = Math.max(this.latest[block], end);
    });
  }

  /// How many begin within a span: as many as are about to be drawn, or nearly.
  count(from, to) {
    return lower(this.starts, to) - lower(this.starts, from);
  }

  visit(from, to, each) {
    const stop = lower(this.starts, to);
    for (let place = 0; place < stop;) {
      const block = Math.floor(place / Intervals.BLOCK);
      const next = Math.min((block + 1) * Intervals.BLOCK, stop);
      if (this.latest[block] >= from) {
        for (; place < next; place++) if (this.ends[place] >= from) each(this.ids[place], place);
      }
      place = next;
    }
  }
}

/// Bars of one row, which do not overlap. `bad[i]` is how many of the first i are bad news.
class Row {
  constructor() {
    this.starts = [];
    this.ends = [];
    this.ids = [];
    this.bad = [0];
  }

  add(from, to, id, isBad) {
    this.starts.push(from);
    this.ends.push(to);
    this.ids.push(id);
    this.bad.push(this.bad[this.bad.length - 1] + (isBad ? 1 : 0));
  }

  get free() {
    return this.ends.length ? this.ends[this.ends.length - 1] : -Infinity;
  }
}

/// Puts intervals, in the order of their beginnings, into as few rows as possible.
function pack(items, rowsMax = Infinity) {
  const rows = [];
  for (const { from, to, id, isBad } of items) {
    let row = rows.find((row) => row.free <= from);
    if (!row && rows.length < rowsMax) rows.push(row = new Row());
    (row ?? rows[rows.length - 1]).add(from, to, id, isBad);
  }
  return rows;
}

const events = (() => {
  const { passed, lane, kind, words } = D.events;
  const at = new Float64Array(passed.length);
  let now = 0;
  passed.forEach((time, place) => { at[place] = now += time; });
  return { at, lane, kind, words, length: at.length };
})();

/// Places of events by lane and kind, and their times.
const eventsOf = D.lanes.map(() => D.kinds.map(() => ({ ids: [], at: null })));
for (let id = 0; id < events.length; id++) {
  if (events.lane[id] >= 0) eventsOf[events.lane[id]][events.kind[id]].ids.push(id);
}
eventsOf.flat().forEach((list) => { list.at = Float64Array.from(list.ids, (id) => events.at[id]); });

const operations = D.operations;
const BAD_OUTCOMES = new Set(["unknown", "did-not-happen", "unanswered"]);
const operationEnd = (bar) => bar.to ?? D.end;

const messages = (() => {
  const { sent, took } = D.messages;
  const times = took.filter((time) => time >= 0).sort((a, b) => a - b);
  const usual = times.length ? times[times.length >> 1] : 1e6;
  const copies = new Set(D.messages.copies);
  const arrived = sent.map((at, id) => (took[id] < 0 ? -1 : at + took[id]));
  // What left just before the end had no time to arrive.
  const isLost = sent.map((at, id) => took[id] < 0 && at + 8 * usual < D.end);
  return { ...D.messages, length: sent.length, usual, copies, arrived, isLost };
})();

/// Arrows by kind, those that were lost by themselves.
const arrows = D.message_kinds.map((_, kind) => [false, true].map((lost) => {
  const ids = [];
  for (let id = 0; id < messages.length; id++) {
    if (messages.kind[id] === kind && messages.isLost[id] === lost) ids.push(id);
  }
  const starts = Float64Array.from(ids, (id) => messages.sent[id]);
  const ends = Float64Array.from(ids, (id) => Math.max(messages.arrived[id], messages.sent[id] + messages.usual / 2));
  return new Intervals(starts, ends, ids);
}));

/// What is wrong with each lane, and which of its processes ran.
const wrongOf = D.lanes.map((_, lane) => D.wrong.map((it, id) => ({ ...it, id })).filter((it) => it.lane === lane));
const livesOf = D.lanes.map((_, lane) => D.lives.filter((life) => life[0] === lane));
const nodeOf = D.lanes.map((_, lane) => D.nodes.find((node) => node.lane === lane));
const faultOf = new Map(D.faults.map((fault, id) => [fault.number, id]));

const FORMATS = [0, 1, 2, 3].map((digits) => new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
const formatTime = (ns, span = D.end) => `${FORMATS[span > 2e9 ? 0 : span > 2e7 ? 1 : span > 2e6 ? 2 : 3].format(ns / 1e6)} ms`;
const exactTime = (ns) => formatTime(ns, 0);
