// The grid: virtual rows and columns, fetched by route; facts of columns above them; one selected cell or column.
const ROW = 28, HEAD = 92, FIRST = 58, PAGE = 100, AHEAD = 3;
const grids = new Map(); // key → state: survives remounts of the element
const KINDS = { number: "123", text: "abc", time: "date", bool: "y/n", any: "{…}" };

export default function (component) {
  const { parentElement, data, key } = component;
  let grid = grids.get(key);
  const root = parentElement.querySelector(".tilth-grid");
  if (!grid || grid.root !== root) {
    grid = make(root, grid);
    grids.set(key, grid);
  }
  grid.send = (value) => component.setStateValue("selection", value);
  if (grid.token !== data.token || grid.before !== data.before) load(grid, data);
  else { grid.data = data; draw(grid); }
}

function make(root, old) {
  root.innerHTML = `<div class="scroll" tabindex="0" role="grid" aria-label="Table preview"><div class="sizer"><div class="head" role="row"></div><div class="body"></div></div></div>
    <div class="foot"><span class="count"></span><span class="where"></span><span class="grow"></span><span class="legend"></span></div>`;
  const find = (name) => root.querySelector("." + name);
  const grid = { root, scroll: find("scroll"), sizer: find("sizer"), head: find("head"), body: find("body"), count: find("count"),
    where: find("where"), legend: find("legend"), pages: new Map(), facts: {}, cell: null, widths: [], lefts: [], total: null, ...(old ? { cell: old.cell } : {}) };
  grid.scroll.addEventListener("scroll", () => requestAnimationFrame(() => draw(grid)), { passive: true });
  grid.scroll.addEventListener("keydown", (event) => keys(grid, event));
  grid.body.addEventListener("click", (event) => {
    const cell = event.target.closest(".cell");
    if (cell) select(grid, +cell.dataset.row, +cell.dataset.col);
  });
  grid.head.addEventListener("click", (event) => {
    const col = event.target.closest(".col");
    if (col) select(grid, null, +col.dataset.col);
  });
  let size = ""; // scroll bars come and go with what is drawn: only a real change of size draws again
  new ResizeObserver(() => {
    const now = `${grid.root.clientWidth}x${grid.root.clientHeight}`;
    if (now !== size) { size = now; draw(grid); }
  }).observe(grid.root);
  return grid;
}

function load(grid, data) {
  const sameColumns = grid.data && JSON.stringify(grid.data.columns) === JSON.stringify(data.columns);
  Object.assign(grid, { data, token: data.token, before: data.before, pages: new Map(), facts: {}, asked: new Set(), total: null, error: null });
  grid.root.style.height = data.height + "px";
  grid.widths = data.columns.map((c) => Math.min(260, Math.max(118, 26 + 8.4 * c.name.length)));
  grid.lefts = [];
  let left = FIRST;
  for (const width of grid.widths) { grid.lefts.push(left); left += width; }
  grid.width = left;
  const names = new Set(data.before_columns || []);
  grid.marks = data.columns.map((c) => !data.before ? "" : !names.has(c.name) ? "new" : data.before_types[c.name] !== c.type ? "changed" : "");
  if (!sameColumns) {
    grid.cell = null;
    const first = grid.marks.indexOf("new");
    if (first >= 0) grid.scroll.scrollLeft = Math.max(0, grid.lefts[first] - 260);
  }
  grid.legend.innerHTML = data.before
    ? `<span class="key" style="background:var(--new)"></span>new <span class="key" style="background:var(--changed);margin-left:10px"></span>changed` : "";
  draw(grid);
}

async function ask(grid, path, done) {
  const token = grid.token;
  try {
    const answer = await fetch(new URL(`/api/grid/${token}/${path}`, document.baseURI), { headers: { "x-tilth": "grid" } });
    const json = await answer.json();
    if (token !== grid.token) return;
    if (!answer.ok) throw new Error(json.error.message);
    done(json);
  } catch (error) {
    if (token !== grid.token) return;
    grid.error = error.message;
  }
  draw(grid);
}

function page(grid, number) {
  if (!grid.pages.has(number)) {
    grid.pages.set(number, null);
    const before = grid.before ? `&before=${grid.before}` : "";
    ask(grid, `rows?offset=${number * PAGE}&limit=${PAGE}${before}`, (json) => {
      grid.pages.set(number, { rows: json.rows, changed: json.changed && json.changed.map((places) => new Set(places)) });
      if (json.rows.length < PAGE) grid.total = number * PAGE + json.rows.length;
    });
  }
  return grid.pages.get(number);
}

function profile(grid, places) {
  const wanted = places.filter((p) => !grid.asked.has(p));
  if (!wanted.length) return;
  const more = wanted.at(-1) < grid.data.columns.length - 1 ? [...Array(8).keys()].map((i) => wanted.at(-1) + 1 + i) : [];
  const all = [...wanted, ...more.filter((p) => p < grid.data.columns.length && !grid.asked.has(p))];
  all.forEach((p) => grid.asked.add(p));
  ask(grid, `profile?columns=${all.join(",")}`, (json) => { grid.total = json.rows; Object.assign(grid.facts, json.columns); });
}

function draw(grid) {
  if (!grid.data || !grid.root.isConnected) return;
  const { scroll, data } = grid;
  const top = scroll.scrollTop, height = scroll.clientHeight, from = scroll.scrollLeft, to = from + scroll.clientWidth;
  const shown = grid.lefts.map((left, i) => i).filter((i) => grid.lefts[i] + grid.widths[i] > from && grid.lefts[i] < to);
  const known = grid.total ?? Math.max(PAGE, ...[...grid.pages].filter(([, p]) => p && p.rows.length === PAGE).map(([n]) => (n + 2) * PAGE));
  const rows = Math.min(known, 1_000_000); // browsers cannot draw taller pages
  grid.sizer.style.cssText = `height:${HEAD + rows * ROW}px;width:${grid.width}px`;
  const first = Math.max(0, Math.floor(top / ROW) - AHEAD), last = Math.min(rows, Math.ceil((top + height - HEAD) / ROW) + AHEAD);
  grid.head.innerHTML = `<span class="corner"></span>` + shown.map((i) => header(grid, i)).join("");
  let html = "";
  for (let r = first; r < last; r++) {
    const at = Math.floor(r / PAGE), loaded = page(grid, at), row = loaded && loaded.rows[r % PAGE];
    if (loaded && !row) break;
    const changed = loaded && loaded.changed && loaded.changed[r % PAGE];
    html += `<div class="row" role="row" style="top:${HEAD + r * ROW}px"><span class="n">${(r + 1).toLocaleString()}</span>` +
      shown.map((i) => cell(grid, row, r, i, changed)).join("") + `</div>`;
  }
  grid.body.innerHTML = html || (grid.total === 0 ? `<div class="message" style="position:absolute;top:${HEAD + 40}px">No rows are left after this step.</div>` : "");
  if (grid.error) grid.body.innerHTML = `<div class="message" style="position:absolute;top:${HEAD + 40}px">${escape(grid.error)}</div>`;
  grid.count.textContent = grid.total == null ? "counting rows …" : `${grid.total.toLocaleString()} rows × ${data.columns.length.toLocaleString()} columns`;
  grid.where.textContent = rows < known ? `first ${rows.toLocaleString()} rows can be scrolled to` : "";
  if (shown.length) profile(grid, shown);
}

function header(grid, i) {
  const column = grid.data.columns[i], facts = grid.facts[i];
  const on = grid.cell && grid.cell.col === i ? " on" : "";
  let quality = `<div class="quality wait"></div>`, fact = "…", bars = "", title = `${column.name} (${column.type})`;
  if (facts) {
    const share = facts.rows ? 1 - facts.missing / facts.rows : 1;
    quality = `<div class="quality"><i style="width:${(share * 100).toFixed(2)}%"></i></div>`;
    fact = facts.missing ? `${percent(facts.missing / facts.rows)} missing` : column.kind === "number" && facts.min != null ? `${short(facts.min)} – ${short(facts.max)}` : `${short(facts.distinct ?? 0)} distinct`;
    const counts = facts.bins || (facts.values || []).map((pair) => pair[1]);
    const most = Math.max(1, ...counts);
    bars = counts.map((n) => `<i style="height:${n ? Math.max(4, (n / most) * 100) : 0}%"></i>`).join("");
    title += `\n${facts.rows.toLocaleString()} rows, ${facts.missing.toLocaleString()} missing, about ${(facts.distinct ?? 0).toLocaleString()} distinct`;
    if (facts.min != null) title += `\n${facts.min} … ${facts.max}` + (facts.mean != null ? `, mean ${facts.mean}` : "");
    if (facts.values) title += "\n" + facts.values.slice(0, 8).map(([v, n]) => `${v}: ${n.toLocaleString()}`).join("\n");
  }
  return `<div class="col ${grid.marks[i]}${on}" role="columnheader" data-col="${i}" title="${escape(title)}" style="left:${grid.lefts[i]}px;width:${grid.widths[i]}px">` +
    `<div class="name"><span class="kind">${KINDS[column.kind]}</span><b>${escape(column.name)}</b></div><div class="fact">${escape(fact)}</div>${quality}<div class="bars">${bars}</div></div>`;
}

function cell(grid, row, r, i, changed) {
  const style = `left:${grid.lefts[i]}px;width:${grid.widths[i]}px`;
  if (!row) return `<div class="cell wait" style="${style}">·</div>`;
  const value = row[i], kind = grid.data.columns[i].kind;
  const marks = [value === null ? "none" : kind === "number" ? "num" : "", grid.marks[i] === "new" ? "new" : changed && changed.has(i) ? "changed" : "",
    grid.cell && grid.cell.row === r && grid.cell.col === i ? "on" : ""].join(" ");
  return `<div class="cell ${marks}" role="gridcell" data-row="${r}" data-col="${i}" style="${style}" title="${value === null ? "missing" : escape(String(value))}">${value === null ? "missing" : escape(display(value, kind))}</div>`;
}

function select(grid, row, col) {
  if (!grid.data.selectable) return;
  grid.cell = { row, col };
  const loaded = row == null ? null : grid.pages.get(Math.floor(row / PAGE));
  const value = loaded && loaded.rows[row % PAGE] ? loaded.rows[row % PAGE][col] : null;
  draw(grid);
  clearTimeout(grid.timer);
  grid.timer = setTimeout(() => grid.send({ column: grid.data.columns[col].name, row, value, whole: row == null }), 120);
  grid.scroll.focus({ preventScroll: true });
}

function keys(grid, event) {
  event.stopPropagation(); // Streamlit has hotkeys of its own
  if (event.key === "Escape") { grid.cell = null; grid.send(null); draw(grid); return; }
  const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageDown: [15, 0], PageUp: [-15, 0], Home: [0, -1e6], End: [0, 1e6] }[event.key];
  if (!step) return;
  event.preventDefault();
  const now = grid.cell || { row: 0, col: 0 };
  const row = Math.max(0, Math.min((grid.total ?? 1e6) - 1, (now.row ?? 0) + step[0])), col = Math.max(0, Math.min(grid.data.columns.length - 1, now.col + step[1]));
  const { scroll } = grid;
  if (row * ROW < scroll.scrollTop) scroll.scrollTop = row * ROW;
  if ((row + 1) * ROW + HEAD > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = (row + 1) * ROW + HEAD - scroll.clientHeight;
  if (grid.lefts[col] - FIRST < scroll.scrollLeft) scroll.scrollLeft = grid.lefts[col] - FIRST;
  if (grid.lefts[col] + grid.widths[col] > scroll.scrollLeft + scroll.clientWidth) scroll.scrollLeft = grid.lefts[col] + grid.widths[col] - scroll.clientWidth;
  select(grid, row, col);
}

const display = (value, kind) => kind === "number" && typeof value === "number" ? (Number.isInteger(value) ? value.toLocaleString("en-US") : +value.toPrecision(8) + "") : String(value).replaceAll("\n", "⏎");
const percent = (share) => share < 0.001 ? "<0.1%" : (share * 100).toFixed(share < 0.1 ? 1 : 0) + "%";
const short = (value) => typeof value === "number" ? new Intl.NumberFormat("en", { notation: Math.abs(value) >= 1e5 ? "compact" : "standard", maximumFractionDigits: 2 }).format(value) : String(value).slice(0, 16);
const escape = (value) => value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
