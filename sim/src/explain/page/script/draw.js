// A frame: the axis, the faults, the lanes, and marks above them. Only what is in sight is looked at.

const scene = document.getElementById("scene");
const marks = document.getElementById("marks");
const stage = document.getElementById("stage");
const pen = scene.getContext("2d");
const markPen = marks.getContext("2d");
const FONT = '11px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';

function fitCanvas(canvas, context, width, height) {
  const ratio = devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
}

function resize() {
  [view.width, view.height] = [stage.clientWidth, stage.clientHeight];
  arrange();
  redraw();
}

/// How long the latest frames took to draw, in milliseconds.
const frameTimes = [];
const FRAMES_KEPT = 240;

function draw() {
  const began = performance.now();
  fitCanvas(scene, pen, view.width, view.height);
  pen.font = FONT;
  pen.textBaseline = "middle";
  pen.fillStyle = colour.paper;
  pen.fillRect(0, 0, view.width, view.height);
  within(pen, LABELS_WIDTH, headHeight(), view.width, view.height, () => {
    progressRange();
    layout.lanes.forEach(drawGround);
    drawGrid();
    layout.lanes.forEach(drawLane);
    if (!hidden.parts.has("messages")) drawMessages();
  });
  within(pen, LABELS_WIDTH, 0, view.width, headHeight(), () => {
    drawAxis();
    drawFaults();
  });
  drawLabels();
  drawMarks();
  drawOverview();
  if (window.timeline) window.timeline.openedMs ||= performance.now();
  frameTimes.push(performance.now() - began);
  if (frameTimes.length > FRAMES_KEPT) frameTimes.shift();
}

function within(context, x0, y0, x1, y1, paint) {
  context.save();
  context.beginPath();
  context.rect(x0, y0, x1 - x0, y1 - y0);
  context.clip();
  paint();
  context.restore();
}

/// Times that are worth a line of the grid: about a hundred pixels apart.
function gridTimes() {
  const least = view.span / ((view.width - LABELS_WIDTH) / 110);
  const power = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least);
  const times = [];
  for (let time = Math.ceil(view.from / step) * step; time <= view.to; time += step) times.push(time);
  return { times, step };
}

function drawGrid() {
  pen.strokeStyle = colour.grid;
  pen.lineWidth = 1;
  pen.beginPath();
  for (const time of gridTimes().times) {
    const x = Math.round(view.x(time)) + 0.5;
    pen.moveTo(x, 0);
    pen.lineTo(x, view.height);
  }
  pen.stroke();
  const end = view.x(D.end);
  pen.fillStyle = colour.raised;
  pen.fillRect(end, 0, view.width, view.height);
  pen.fillStyle = colour.line;
  pen.fillRect(end, 0, 1, view.height);
  if (end < view.width - 60) label("end of the run", end + 6, view.height - 12, 90, colour.faint);
}

function drawAxis() {
  const { times, step } = gridTimes();
  pen.fillStyle = colour.soft;
  pen.textAlign = "center";
  for (const time of times) {
    const x = view.x(time);
    if (time >= 0 && time <= D.end && x > LABELS_WIDTH + 24) pen.fillText(formatTime(time, step * 12), x, 10);
  }
  pen.textAlign = "left";
  D.phases.forEach(([from, words], place) => {
    const x0 = Math.max(view.x(from), LABELS_WIDTH);
    const x1 = Math.min(view.x(D.phases[place + 1]?.[0] ?? D.end), view.width);
    if (x1 < LABELS_WIDTH || x0 > view.width) return;
    pen.fillStyle = place % 2 ? colour.line : colour.raised;
    pen.fillRect(x0, 20, x1 - x0, 16);
    pen.fillStyle = colour.line;
    pen.fillRect(view.x(from), 20, 1, 16);
    label(words, x0 + 6, 28, x1 - x0 - 10, colour.soft);
  });
}

/// Text, if there is room for enough of it.
function label(text, x, y, width, ink, context = pen) {
  if (width < 14) return;
  context.fillStyle = ink;
  const room = Math.floor(width / 6.2);
  if (text.length > room) {
    if (room < 3) return;
    text = `${text.slice(0, room - 1)}…`;
  }
  context.fillText(text, x, y);
}

function drawFaults() {
  if (!layout.faults.height) return;
  faultRows.forEach((row, place) => {
    const y = layout.faults.y + 4 + place * FAULT_ROW;
    eachBar(row, (id, x0, x1) => {
      const width = Math.max(x1 - x0, 3);
      pen.fillStyle = colour["fault-soft"];
      pen.fillRect(x0, y, width, FAULT_ROW - 3);
      pen.fillStyle = colour.fault;
      pen.fillRect(x0, y, 3, FAULT_ROW - 3);
      pen.fillRect(x0, y + FAULT_ROW - 4, width, 1);
      const left = Math.max(x0, LABELS_WIDTH);
      if (id !== null) label(D.faults[id].words, left + 7, y + 7, x1 - left - 8, colour["on-fault"]);
    });
  });
  pen.fillStyle = colour.line;
  pen.fillRect(LABELS_WIDTH, headHeight() - 1, view.width, 1);
}

const BAR_MIN = 2;

/// Bars of a row that are in sight. Those too narrow to be told apart come together, with `null` for their id, as long as none, or
/// each, holds bad news.
function eachBar(row, each) {
  const { starts, ends, ids, bad } = row;
  let many = null;
  const flush = () => {
    if (many) each(null, many.x0, many.x1, many.isBad);
    many = null;
  };
  for (let place = lower(ends, view.from); place < starts.length && starts[place] <= view.to;) {
    const [x0, x1] = [view.x(starts[place]), view.x(ends[place])];
    if (x1 - x0 >= BAR_MIN) {
      flush();
      each(ids[place], x0, x1, bad[place + 1] > bad[place]);
      place++;
      continue;
    }
    const next = Math.max(place + 1, lowerNear(ends, view.time(x0 + BAR_MIN), place));
    const isBad = bad[next] > bad[place];
    if (!many || many.isBad !== isBad || x0 > many.x1 + 1) {
      flush();
      many = { x0, x1: x0, isBad };
    }
    many.x1 = Math.max(x0 + BAR_MIN, x1);
    place = next;
  }
  flush();
}

/// Times that are in sight, as stretches of pixels in which there are about equally many, up to `levels` kinds of many.
function eachStretch(at, levels, each) {
  let stretch = null;
  for (let place = lower(at, view.from); place < at.length && at[place] <= view.to;) {
    const x = Math.floor(view.x(at[place]));
    const next = Math.max(place + 1, lowerNear(at, view.time(x + 1), place));
    const level = Math.min(levels, 1 + Math.floor(Math.log2(next - place)));
    if (stretch && stretch.level === level && x <= stretch.x1) stretch.x1 = x + 1;
    else {
      if (stretch) each(stretch.x0, stretch.x1, stretch.level);
      stretch = { x0: x, x1: x + 1, level };
    }
    place = next;
  }
  if (stretch) each(stretch.x0, stretch.x1, stretch.level);
}

function drawLabels() {
  pen.fillStyle = colour.paper;
  pen.fillRect(0, 0, LABELS_WIDTH, view.height);
  pen.fillStyle = colour.line;
  pen.fillRect(LABELS_WIDTH - 1, 0, 1, view.height);
  within(pen, 0, headHeight(), LABELS_WIDTH, view.height, () => {
    for (const { id, y, height, isFolded } of layout.lanes) {
      const top = y - view.scroll;
      if (top > view.height || top + height < 0) continue;
      pen.fillStyle = colour.line;
      pen.fillRect(0, top + height - 1, LABELS_WIDTH, 1);
      pen.textAlign = "left";
      pen.font = isFolded || D.lanes[id].kind !== "node" ? FONT : `600 ${FONT}`;
      const middle = isFolded || D.lanes[id].kind !== "node" ? top + height / 2 : top + 21;
      const isNamed = D.broken?.lanes.includes(id);
      label(`${isNamed ? "✖ " : ""}${D.lanes[id].name}`, 10, middle, LABELS_WIDTH - 14, isNamed ? colour.broken : isFolded ? colour.faint : colour.ink);
      if (D.lanes[id].kind === "node" && !isFolded) drawProgressLabel(id, top);
    }
  });
  pen.font = FONT;
  pen.textAlign = "left";
  label("time", 10, 10, 90, colour.soft);
  label("phase", 10, 28, 90, colour.soft);
  if (layout.faults.height) label("faults", 10, layout.faults.y + 11, 90, colour.soft);
  pen.fillStyle = colour.line;
  pen.fillRect(0, headHeight() - 1, LABELS_WIDTH, 1);
}
