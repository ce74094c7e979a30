// Elements of the page, made of data: text is never read as markup.

const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...inside);
  return element;
}

function draw(tag, attributes = {}, ...inside) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...inside);
  return element;
}

/// A row a name: how often, as a bar and as a number. What was never is said in words, too.
function bars(rows) {
  const most = Math.max(1, ...rows.map(([, , count]) => count));
  return rows.map(([name, says, count]) => {
    const part = make("i", { style: `width:${count === 0 ? 0 : Math.max(1, (100 * count) / most)}%` });
    const told = count === 0 ? make("span", { class: "n never" }, "never") : make("span", { class: "n" }, String(count));
    return make("div", { class: "row", "data-name": `${name} ${says}` },
      make("code", {}, name), make("span", { class: "track" }, part), told, make("span", { class: "soft says" }, says));
  });
}
