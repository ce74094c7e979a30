// The page, from top to bottom.

function failure(group) {
  const heads = ["run", "faults", "events", "replay it with", "what was seen"];
  const rows = group.runs.map((run) => make("tr", {}, make("td", {}, run.what), make("td", {}, String(run.faults)),
    make("td", {}, String(run.events)), make("td", {}, make("code", {}, run.command)), make("td", {}, run.detail)));
  const page = group.page ? [make("a", { href: group.page }, "the shortest of them, made small: its page")] : [];
  return make("div", { class: "group" },
    make("div", {}, make("b", {}, group.rule), ` (${group.class}): ${group.statement} `, make("span", { class: "soft" }, group.source)), ...page,
    make("table", {}, make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", {}, head)))), make("tbody", {}, ...rows)));
}

function find(words) {
  let found = 0;
  for (const row of at("probes").children) {
    const isFound = row.dataset.name.includes(words.toLowerCase());
    row.classList.toggle("gone", !isFound);
    found += isFound ? 1 : 0;
  }
  at("found").textContent = words ? `${found} of ${data.probes.length}` : "";
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
}

at("title").textContent = `Campaign of version ${data.version}: seeds ${data.seeds}`;
at("verdict").textContent = `${data.is_green ? "✓" : "✖"} ${data.verdict}`;
at("verdict").classList.add(data.is_green ? "green" : "red");
at("confidence").textContent = data.confidence || "";
at("figures").append(...data.figures.map(([what, count]) => make("div", { class: "figure" }, make("b", {}, count), make("span", { class: "soft" }, what))));
at("failures").append(make("h2", {}, "Failures"),
  ...(data.failures.length ? data.failures.map(failure) : [make("div", { class: "fine" }, "No run failed.")]));
const seconds = data.course.map((moment) => [moment.at_ms / 1000, moment]);
const last = data.course[data.course.length - 1];
at("course").append(curve("Runs", seconds.map(([at, moment]) => [at, moment.runs]), last ? last.runs : 1),
  curve(`Probes reached, of ${data.probes_in_all}`, seconds.map(([at, moment]) => [at, moment.probes]), data.probes_in_all));
at("spreads").append(...data.spreads.map(histogram));
at("probes").append(...bars(data.probes));
at("counts").append(...data.counts.map(({ title, of }) => make("div", {}, make("h2", {}, title),
  make("div", { class: "bars" }, ...bars(Object.entries(of).map(([name, count]) => [name, "", count]))))));
at("summary").textContent = data.summary;
at("find").addEventListener("input", () => find(at("find").value));
const other = () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
at("theme").addEventListener("click", other);
document.addEventListener("keydown", (event) => {
  if (event.key === "t" && event.target !== at("find")) other();
});
setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
