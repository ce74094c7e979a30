// Where things are, from top to bottom: the axis, the faults, a lane for each machine.

const AXIS_HEIGHT = 40;
const FAULT_ROW = 17;
const FAULT_ROWS_MAX = 7;
const OPERATION_ROW = 18;
const NODE = { terms: 5, role: 18, lease: 4, curve: 32, ticks: 9, height: 88 };

/// What is switched off: kinds of events and of messages, lanes.
const hidden = { kinds: new Set(), messages: new Set(), lanes: new Set(), parts: new Set() };

const faultRows = pack(D.faults.map((fault, id) => ({ from: fault.from, to: Math.max(fault.to, fault.from + 1), id })), FAULT_ROWS_MAX);

const operationRows = D.lanes.map((_, lane) => {
  const bars = operations.map((bar, id) => ({ from: bar.from, to: operationEnd(bar), id, lane: bar.lane, isBad: BAD_OUTCOMES.has(bar.outcome) }));
  return pack(bars.filter((bar) => bar.lane === lane).sort((a, b) => a.from - b.from), 12);
});

const layout = { lanes: [], faults: { y: 0, height: 0 }, height: 0 };

function arrange() {
  let y = AXIS_HEIGHT;
  layout.faults = { y, height: hidden.parts.has("faults") || !faultRows.length ? 0 : faultRows.length * FAULT_ROW + 8 };
  y += layout.faults.height;
  layout.lanes = D.lanes.map((lane, id) => {
    const place = { id, y, height: hidden.lanes.has(id) ? 14 : heightOf(lane, id), isFolded: hidden.lanes.has(id) };
    y += place.height;
    return place;
  });
  layout.height = y + 12;
  view.scroll = Math.min(view.scroll, Math.max(0, layout.height - view.height));
}

function heightOf(lane, id) {
  if (lane.kind === "node") return NODE.height + 12;
  if (lane.kind === "proxy") return 26;
  return Math.max(1, operationRows[id].length) * OPERATION_ROW + 8;
}

/// The vertical place of a lane on the screen. Axis and faults do not scroll away.
const laneTop = (lane) => layout.lanes[lane].y - view.scroll;
const headHeight = () => AXIS_HEIGHT + layout.faults.height;

function laneAt(y) {
  if (y < headHeight()) return null;
  const place = layout.lanes.find((place) => y >= place.y - view.scroll && y < place.y - view.scroll + place.height);
  return place ? place.id : null;
}
