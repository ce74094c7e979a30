// The pointer, the wheel and the keyboard.

const tip = $("tip");

function listen() {
  let pressed = null;
  scene.addEventListener("pointerdown", (event) => {
    view.stop();
    pressed = { x: event.offsetX, y: event.offsetY, moved: 0 };
    scene.setPointerCapture(event.pointerId);
  });
  scene.addEventListener("pointermove", (event) => {
    if (pressed && event.buttons) {
      const [dx, dy] = [event.offsetX - pressed.x, event.offsetY - pressed.y];
      pressed.moved += Math.abs(dx) + Math.abs(dy);
      [pressed.x, pressed.y] = [event.offsetX, event.offsetY];
      if (pressed.moved > 4) {
        view.pan(-dx);
        view.scrollBy(-dy);
        hideTip();
      }
    } else hover(event.offsetX, event.offsetY);
  });
  scene.addEventListener("pointerup", (event) => {
    if (pressed && pressed.moved <= 4) click(event.offsetX, event.offsetY);
    pressed = null;
  });
  scene.addEventListener("pointerleave", () => {
    [hovered, cursor] = [null, null];
    hideTip();
    drawMarks();
  });
  scene.addEventListener("dblclick", (event) => view.goTo(view.time(event.offsetX) - view.span / 8, view.time(event.offsetX) + view.span / 8));
  scene.addEventListener("wheel", wheel, { passive: false });
  document.addEventListener("keydown", key);
  addEventListener("resize", resize);
  listenToOverview();
}

function wheel(event) {
  event.preventDefault();
  view.stop();
  const unit = event.deltaMode === 1 ? 18 : 1;
  if (event.offsetX < LABELS_WIDTH || event.altKey) return view.scrollBy((event.deltaY || event.deltaX) * unit);
  if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) return view.pan((event.deltaX || event.deltaY) * unit);
  view.zoom(Math.exp(Math.min(Math.max(event.deltaY * unit, -240), 240) * 0.0022), event.offsetX);
  hideTip();
}

function click(x, y) {
  if (x < LABELS_WIDTH) {
    const lane = laneAt(y);
    if (lane === null) return;
    hidden.lanes.has(lane) ? hidden.lanes.delete(lane) : hidden.lanes.add(lane);
    arrange();
    return redraw();
  }
  const found = pick(x, y);
  if (found?.step !== undefined) goToStep(found.step);
  else select(found);
}

function hover(x, y) {
  const found = pick(x, y);
  cursor = x > LABELS_WIDTH ? view.time(x) : null;
  hovered = found;
  drawMarks();
  if (found) showTip(found, x, y); else hideTip();
}

function showTip(what, x, y) {
  const place = what.step;
  const words = place !== undefined ? `${place + 1}. ${steps[place].words}`
    : what.type === "fault" ? D.faults[what.id].words : resultInWords(what);
  const at = timeOf(what);
  const lines = [words, exactTime(at)];
  if (what.type === "message" && messages.arrived[what.id] >= 0) lines.push(`arrived ${exactTime(messages.arrived[what.id] - at)} later`);
  if (what.type === "operation" && operations[what.id].to !== null) lines.push(`answered ${exactTime(operations[what.id].to - at)} later`);
  if (what.type === "fault") lines.push(`for ${exactTime(D.faults[what.id].to - at)}`);
  tip.replaceChildren(make("b", {}, lines[0].slice(0, 400)), `\n${lines.slice(1).join("\n")}`);
  tip.hidden = false;
  tip.style.left = `${Math.min(x + 14, view.width - tip.offsetWidth - 8)}px`;
  tip.style.top = `${y + 18 + tip.offsetHeight > view.height ? y - tip.offsetHeight - 12 : y + 18}px`;
}

function hideTip() {
  tip.hidden = true;
}

const stepBy = (by) => {
  if (!steps.length) return;
  const now = selected?.type === "event" ? steps.findIndex((step) => step.event === selected.id) : -1;
  goToStep(((now < 0 ? (by > 0 ? -1 : 0) : now) + by + steps.length) % steps.length);
};

/// The next event of the selected one's lane, of those that are drawn.
function nextEvent(by) {
  const start = selected?.type === "event" ? selected.id : lower(events.at, (view.from + view.to) / 2);
  const lane = selected ? (selected.type === "event" ? events.lane[selected.id] : null) : null;
  for (let id = start + by; id >= 0 && id < events.length; id += by) {
    if ((lane === null || events.lane[id] === lane) && !hidden.kinds.has(D.kinds[events.kind[id]])) return select({ type: "event", id }, { move: true });
  }
}

const KEYS = {
  ArrowLeft: () => view.pan(-view.width / 8), ArrowRight: () => view.pan(view.width / 8),
  ArrowUp: () => view.scrollBy(-60), ArrowDown: () => view.scrollBy(60),
  "+": () => zoomOnSelected(0.6), "=": () => zoomOnSelected(0.6), "-": () => zoomOnSelected(1 / 0.6), "−": () => zoomOnSelected(1 / 0.6),
  a: () => view.pan(-view.width / 8), d: () => view.pan(view.width / 8), w: () => zoomOnSelected(0.6), s: () => zoomOnSelected(1 / 0.6),
  0: () => view.goTo(0, D.end), Home: () => view.goTo(0, D.end),
  v: goToBreak, n: () => nextEvent(1), p: () => nextEvent(-1), j: () => stepBy(1), k: () => stepBy(-1),
  t: () => setTheme(otherTheme()), "?": () => showTab("legend"),
  "/": () => $("search").focus(), Escape: () => select(null),
};

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("picture").open) return;
  if (event.target === $("search")) {
    if (event.key === "Enter") goToResult(current + (event.shiftKey ? -1 : 1));
    if (event.key === "Escape") scene.focus();
    return;
  }
  const isControl = event.target.closest?.("button, summary");
  if (isControl && (event.key === "Enter" || event.key === " ")) return;
  const act = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  view.stop();
  act();
}
