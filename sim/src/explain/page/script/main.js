// Fills the page, and draws it for the first time.

function fillHead() {
  document.title = `${D.title} · Conclave`;
  $("title").textContent = D.title;
  const verdict = $("verdict");
  verdict.classList.add(D.broken ? "red" : "green");
  verdict.textContent = D.broken ? `✖ ${D.broken.rule}` : "✓ green";
  verdict.title = D.broken ? "To what broke (V)" : "Every rule held";
  verdict.addEventListener("click", () => (D.broken ? goToBreak() : showTab("story")));
  $("facts").textContent = `${D.scenario} · ${events.length.toLocaleString("en")} events`;
  $("zoom-in").addEventListener("click", () => zoomOnSelected(0.6));
  $("zoom-out").addEventListener("click", () => zoomOnSelected(1 / 0.6));
  $("fit").addEventListener("click", () => view.goTo(0, D.end));
  $("theme").addEventListener("click", () => setTheme(otherTheme()));
  $("help").addEventListener("click", () => showTab("legend"));
  $("search").addEventListener("input", (event) => { search(event.target.value); showTab("results"); });
  for (const tab of document.querySelectorAll(".tabs button")) tab.addEventListener("click", () => showTab(tab.dataset.tab));
}

/// Buttons that switch parts of the picture on and off.
function fillFilters() {
  const chip = (set, name, text, tint) => make("button", {
    type: "button", class: "chip", "aria-pressed": "true",
    onclick: (event) => {
      set.has(name) ? set.delete(name) : set.add(name);
      event.currentTarget.setAttribute("aria-pressed", String(!set.has(name)));
      arrange();
      redraw();
    },
  }, make("i", { style: `background:var(--${tint})` }), text);
  const group = (name) => make("span", { class: "group" }, name);
  const drawn = new Set(["machine", "election", "log", "state"]);
  const has = (kind) => messages.kind.includes(D.message_kinds.indexOf(kind));
  $("filters").append(
    group("show"), chip(hidden.parts, "faults", "faults", "fault"), chip(hidden.parts, "progress", "progress", "commit"),
    group("events"), ...D.kinds.filter((kind) => drawn.has(kind)).map((kind) => chip(hidden.kinds, kind, kind, KIND_COLOUR[kind])),
    group("messages"), ...D.message_kinds.filter(has).map((kind) => chip(hidden.messages, kind, kind, MESSAGE_COLOUR[kind])));
}

setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => setTheme(event.matches ? "dark" : "light"));
fillHead();
fillFilters();
fillStory();
fillLegend();
listResults("");
$("details").append(make("p", {}, "Click an event, an arrow, a bar or a fault."));
showTab("story");
resize();
listen();
if (D.broken) goToBreak();

/// For whoever watches the page from outside: tests, and the console.
window.timeline = {
  view,
  frames: frameTimes,
  openedMs: 0,
  results: () => results.length,
  broke: () => D.broken?.at ?? null,
};
