// Box annotator: a plain ES module without a build step, mounted by __init__.py through Streamlit's components v2.
//
// What matters here:
// - Streamlit calls the default export again on every change of `data` and may remount the element. Documents, undo and
//   what is not yet saved therefore live in this module, which survives both.
// - Every change sends the whole document with a client id and a rising sequence number until Python acknowledges it, so
//   a lost, doubled or late message does no harm. Unsaved documents also survive a reload of the page.
// - Python's document is taken over only when another document is shown (or `force` changes), never as an echo.

const STORE = "tilth-annotator-pending";
const HANDLES = [
  ["nw", 0, 0], ["n", 0.5, 0], ["ne", 1, 0], ["e", 1, 0.5], ["se", 1, 1], ["s", 0.5, 1], ["sw", 0, 1], ["w", 0, 0.5],
];
const RESEND_MS = 4000;
const MAX_TAGS = 120; // more name tags than this only cover the picture

const client = [...crypto.getRandomValues(new Uint8Array(12))].map((b) => b.toString(16).padStart(2, "0")).join("");
let sequence = 0;
let sends = 0;
const documents = new Map(); // document key -> {boxes, classes, undo, redo, base, own}
const pending = loadPending(); // "client|document key" -> {client, seq, key, document, since}
const views = new WeakMap(); // parent element -> View

function loadPending() {
  try {
    return new Map(JSON.parse(sessionStorage.getItem(STORE) || "[]"));
  } catch {
    return new Map(); // storage switched off or damaged: nothing to send again
  }
}

function storePending() {
  try {
    sessionStorage.setItem(STORE, JSON.stringify([...pending]));
  } catch (error) {
    console.warn("Unsaved boxes cannot be kept across a reload:", error);
  }
}

export default function (component) {
  const { parentElement } = component;
  let view = views.get(parentElement);
  if (!view) {
    view = new View(parentElement);
    views.set(parentElement, view);
  }
  view.update(component);
  return () => {
    view.destroy();
    views.delete(parentElement);
  };
}

// -- small helpers ---------------------------------------------------------------------------------------------------

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function svg(tag, attributes = {}) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

const ICONS = {
  undo: "M7 5 3.5 8.5 7 12M3.5 8.5H12a4 4 0 0 1 0 8H9",
  redo: "M13 5l3.5 3.5L13 12M16.5 8.5H8a4 4 0 0 0 0 8h3",
  plus: "M10 4.5v11M4.5 10h11",
  minus: "M4.5 10h11",
  fit: "M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4",
  eye: "M2.5 10S5 5 10 5s7.5 5 7.5 5-2.5 5-7.5 5-7.5-5-7.5-5zM10 12a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  cross: "M10 3v5M10 12v5M3 10h5M12 10h5",
  help: "M7.5 7.5a2.5 2.5 0 1 1 3.6 2.2c-.7.4-1.1.9-1.1 1.8M10 14.6v.2",
  previous: "M12 5l-5 5 5 5",
  next: "M8 5l5 5-5 5",
  close: "M5.5 5.5l9 9M14.5 5.5l-9 9",
  trash: "M4.5 6h11M8 6V4.5h4V6M6 6l.7 9.5h6.6L14 6",
};

function icon(name) {
  const node = svg("svg", { viewBox: "0 0 20 20", class: "icon", "aria-hidden": "true" });
  node.append(svg("path", { d: ICONS[name] }));
  return node;
}

function iconButton(name, label, keys, action) {
  const title = keys ? `${label} (${keys})` : label;
  return el("button", { type: "button", class: "tool", title, "aria-label": title, onclick: action }, icon(name));
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const copy = (value) => JSON.parse(JSON.stringify(value));
const inside = (box, x, y) => x >= box.x && y >= box.y && x <= box.x + box.w && y <= box.y + box.h;
const tidy = (value) => Math.round(value * 1000) / 1000; // no 0.30000000000000004 from arithmetic

// Text that stands on a class colour: dark or light, whichever contrasts more (WCAG relative luminance).
function inkOn(color) {
  const m = /^#([0-9a-f]{6})$/i.exec(color || "");
  if (!m) return "#fff";
  const [r, g, b] = [0, 2, 4].map((i) => {
    const c = parseInt(m[1].slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? "#101412" : "#fff";
}

// -- the view --------------------------------------------------------------------------------------------------------

class View {
  constructor(parent) {
    this.zoom = { k: 1, x: 0, y: 0, fitted: true };
    this.selected = null;
    this.hovered = null;
    this.hidden = false;
    this.crosshair = true;
    this.drag = null;
    this.pointer = null;
    this.active = null; // class of the next box
    this.clipboard = null;
    this.rects = new Map();
    this.tags = new Map();
    this.build(parent);
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(this.stage);
    this.timer = setInterval(() => this.tick(), 500);
  }

  destroy() {
    clearInterval(this.timer);
    clearTimeout(this.later);
    this.observer.disconnect();
    this.root.remove();
  }

  build(parent) {
    this.root = el("div", { class: "annotator", "data-state": "loading" });
    this.name = el("span", { class: "name" });
    this.place = el("span", { class: "place" });
    this.percent = el("button", {
      type: "button", class: "tool percent", title: "Real size: one image pixel is one screen pixel (1:1)", onclick: () => this.zoomTo(1),
    });
    this.undoButton = iconButton("undo", "Undo", "Ctrl+Z", () => this.undo());
    this.redoButton = iconButton("redo", "Redo", "Ctrl+Shift+Z", () => this.redo());
    this.hideButton = iconButton("eye", "Hide boxes", "H", () => this.toggleHidden());
    this.crossButton = iconButton("cross", "Crosshair", "C", () => this.toggleCross());
    this.saveState = el("span", { class: "save", role: "status" });
    this.skipButton = el("button", { type: "button", class: "text", title: "Skip this image (S)", onclick: () => this.go("skip") }, "Skip");
    this.doneButton = el(
      "button", { type: "button", class: "primary", title: "Mark as done and go to the next (Enter)", onclick: () => this.go("done") },
      "Done, next",
    );
    this.bar = el("div", { class: "bar", role: "toolbar", "aria-label": "Annotator" },
      el("div", { class: "group" },
        iconButton("previous", "Previous image", "P", () => this.go("previous")),
        iconButton("next", "Next image", "N", () => this.go("next"))),
      el("div", { class: "title" }, this.name, this.place),
      el("div", { class: "group" }, this.undoButton, this.redoButton),
      el("div", { class: "group" },
        iconButton("minus", "Zoom out", "−", () => this.zoomBy(1 / 1.25)), this.percent,
        iconButton("plus", "Zoom in", "+", () => this.zoomBy(1.25)), iconButton("fit", "Fit", "0", () => this.fit())),
      el("div", { class: "group" }, this.hideButton, this.crossButton,
        iconButton("help", "Keys", "?", () => this.toggleHelp())),
      el("div", { class: "grow" }), el("div", { class: "group end" }, this.skipButton, this.doneButton),
    );

    this.image = el("img", { class: "picture", draggable: "false", alt: "" });
    this.overlay = svg("svg", { class: "overlay", "aria-hidden": "true" });
    this.layer = svg("g");
    this.draft = svg("rect", { class: "draft", "vector-effect": "non-scaling-stroke", visibility: "hidden" });
    this.handles = svg("g", { class: "handles" });
    this.crossX = svg("line", { class: "cross" });
    this.crossY = svg("line", { class: "cross" });
    this.overlay.append(this.layer, this.crossX, this.crossY, this.handles);
    this.tagLayer = el("div", { class: "tags", "aria-hidden": "true" });
    this.note = el("div", { class: "note", hidden: true });
    this.stage = el("div", {
      class: "stage", tabindex: "0", role: "application", "aria-label": "Image: draw and edit boxes. Press question mark for the keys.",
    }, this.image, this.overlay, this.tagLayer, this.note);

    this.classList = el("div", { class: "classes" });
    this.chips = el("div", { class: "chips" });
    this.chipSection = el("section", {}, el("h3", {}, "Whole image"), this.chips);
    this.boxCount = el("span", { class: "count" });
    this.boxList = el("div", { class: "boxes", role: "list", "aria-label": "Boxes" });
    this.side = el("aside", { class: "side", "aria-label": "Classes and boxes" },
      el("section", { class: "keep" }, el("h3", {}, "Classes"), this.classList), this.chipSection,
      el("section", { class: "fill" }, el("h3", {}, "Boxes", this.boxCount), this.boxList));
    this.hint = el("span", { class: "hint" });
    this.coords = el("span", { class: "coords" });
    this.strip = el("div", { class: "strip", role: "group", "aria-label": "Images" });
    this.live = el("div", { class: "offscreen", "aria-live": "polite" });
    this.help = this.buildHelp();
    this.root.append(this.bar, el("div", { class: "main" }, this.stage, this.side),
      el("div", { class: "foot" }, this.hint, el("span", { class: "grow" }), this.coords, this.saveState), this.strip, this.live, this.help);
    this.styles(parent);
    parent.append(this.root);
    this.listen();
  }

  styles(parent) {
    const url = new URL("annotator.css", import.meta.url);
    url.search = new URL(import.meta.url).search;
    this.root.style.visibility = "hidden"; // until its style is here: nothing jumps
    const show = () => (this.root.style.visibility = "");
    const link = el("link", { rel: "stylesheet", href: url.href, onload: show, onerror: show });
    parent.append(link);
  }

  buildHelp() {
    const rows = [
      ["Drag", "draw a box; Shift starts one inside another"], ["1 … 9", "class of the selected and the next box"],
      ["Click, Tab", "select a box, the next box"], ["Arrows", "move by 1 pixel; Shift: by 10"],
      ["Alt+arrows", "resize by 1 pixel; Shift: by 10"], ["B", "new box in the middle (no mouse needed)"],
      ["Del", "delete the box"], ["Ctrl+D", "duplicate"], ["Ctrl+C, Ctrl+V", "copy, paste (also on another image)"],
      ["Ctrl+Z", "undo"], ["Ctrl+Shift+Z, Ctrl+Y", "redo"], ["Wheel, +, −", "zoom"], ["0, 1:1", "fit, real size"],
      ["Space+drag", "move the picture; middle button too"], ["N, P", "next, previous image (also . , PgDn PgUp)"],
      ["Enter", "done, next"], ["S", "skip"], ["H", "hide boxes"], ["C", "crosshair"], ["Esc", "stop, deselect, close"],
    ];
    const list = el("dl", {});
    for (const [keys, what] of rows) list.append(el("dt", {}, keys), el("dd", {}, what));
    const close = iconButton("close", "Close", "Esc", () => this.toggleHelp(false));
    this.helpClose = close;
    return el("div", { class: "help", role: "dialog", "aria-label": "Keys", hidden: true },
      el("div", { class: "sheet" }, el("header", {}, el("h3", {}, "Mouse and keys"), close), list));
  }

  listen() {
    this.root.addEventListener("keydown", (e) => this.keydown(e));
    this.root.addEventListener("keyup", (e) => {
      e.stopPropagation();
      if (e.key === " ") this.space(false);
    });
    this.stage.addEventListener("pointerdown", (e) => this.pointerdown(e));
    this.stage.addEventListener("pointermove", (e) => this.pointermove(e));
    this.stage.addEventListener("pointerup", (e) => this.pointerup(e));
    this.stage.addEventListener("pointercancel", () => this.cancelDrag());
    this.stage.addEventListener("pointerleave", () => this.leave());
    this.stage.addEventListener("wheel", (e) => this.wheel(e), { passive: false });
    this.stage.addEventListener("blur", () => this.space(false));
    this.stage.addEventListener("auxclick", (e) => e.preventDefault());
    this.image.addEventListener("load", () => this.loaded());
    this.image.addEventListener("error", () => this.failed());
  }

  // -- data from Python ----------------------------------------------------------------------------------------------

  update(component) {
    this.component = component;
    const data = component.data;
    const before = this.data;
    this.data = data;
    this.acknowledge(data.acked || {});
    if (!before || before.key !== data.key || before.force !== data.force) this.show(data, before);
    else if (before.image !== data.image) this.load(data.image);
    const restarted = before ? before.session !== data.session : true;
    if (restarted && pending.size) this.flush(); // the server knows nothing of what was on its way
    if (!data.classes.some((c) => c.name === this.active)) this.active = data.classes[0]?.name ?? null;
    this.name.textContent = data.title;
    this.name.title = data.title;
    this.place.textContent = `${data.position} of ${data.count}`;
    this.doneButton.lastChild.textContent = data.done_label || "Done, next";
    this.skipButton.hidden = !!data.read_only || data.skip === false;
    this.doneButton.hidden = !!data.read_only;
    this.root.dataset.status = data.status || "";
    this.drawStrip(before);
    for (const url of data.prefetch || []) new Image().src = url;
    this.draw();
    this.showSaved();
  }

  show(data, before) {
    const base = JSON.stringify(data.document);
    const known = documents.get(data.key);
    const unsaved = [...pending.values()].filter((p) => p.key === data.key).sort((a, b) => a.since - b.since).pop();
    const forced = before && before.key === data.key;
    if (!known || forced || (!unsaved && known.base !== base && !sameBoxes(known, data.document))) {
      const from = unsaved && !forced ? unsaved.document : data.document;
      documents.set(data.key, { ...copy(from), undo: [], redo: [], base, own: data.own });
    } else known.base = base;
    this.document = documents.get(data.key);
    this.document.boxes ??= [];
    this.document.classes ??= [];
    this.selected = null;
    this.hovered = null;
    this.cancelDrag();
    this.zoom.fitted = true;
    this.load(data.image);
    this.say(`${data.title}, image ${data.position} of ${data.count}, ${this.document.boxes.length} boxes`);
  }

  load(url) {
    this.root.dataset.state = "loading";
    this.note.hidden = true;
    this.image.style.width = `${this.data.width}px`;
    this.image.style.height = `${this.data.height}px`;
    if (url) this.image.src = url;
    else this.failed("There is no picture to show for this image.");
    if (this.image.complete && this.image.naturalWidth) this.loaded();
    this.fit();
  }

  loaded() {
    this.root.dataset.state = "ready";
    this.note.hidden = true;
    this.image.style.visibility = "";
  }

  failed(text) {
    this.root.dataset.state = "failed";
    this.image.style.visibility = "hidden";
    this.note.hidden = false;
    this.note.textContent = text || "The picture cannot be shown. Redact the collection first, or check the workspace.";
  }

  // -- saving --------------------------------------------------------------------------------------------------------

  // Change the document through `change`; `join` names steps that undo together (a run of nudges).
  edit(change, join = "") {
    if (this.data.read_only) return;
    const now = Date.now();
    const joined = join && this.joined?.name === join && now - this.joined.at < 900;
    if (!joined) {
      this.document.undo.push(this.snapshot());
      if (this.document.undo.length > 300) this.document.undo.shift();
    }
    this.joined = join ? { name: join, at: now } : null;
    this.document.redo = [];
    change(this.document);
    this.commit(join ? 250 : 0);
  }

  snapshot() {
    return copy({ boxes: this.document.boxes, classes: this.document.classes, extra: this.document.extra });
  }

  undo() {
    this.move("undo", "redo", "Undone");
  }

  redo() {
    this.move("redo", "undo", "Done again");
  }

  move(from, to, word) {
    if (this.data.read_only) return;
    const step = this.document[from].pop();
    if (!step) return this.say(`Nothing to ${from}`);
    this.document[to].push(this.snapshot());
    Object.assign(this.document, step);
    this.joined = null;
    if (!this.box()) this.selected = null;
    this.commit(0);
    this.say(`${word}: ${this.document.boxes.length} boxes`);
  }

  commit(delay) {
    const { boxes, classes, extra } = this.document;
    const document_ = copy(extra ? { boxes, classes, extra } : { boxes, classes });
    pending.set(`${client}|${this.data.key}`, {
      client, seq: ++sequence, key: this.data.key, document: document_, since: Date.now(),
    });
    this.document.own = true;
    storePending();
    this.draw();
    this.showSaved();
    clearTimeout(this.later);
    if (delay) this.later = setTimeout(() => this.flush(), delay);
    else this.flush();
  }

  flush() {
    clearTimeout(this.later);
    if (!pending.size) return;
    this.sent = Date.now();
    const items = [...pending.values()].map(({ client: from, seq, key, document: doc }) => ({ client: from, seq, key, document: doc }));
    this.component.setStateValue("save", { n: `${client}-${++sends}`, items });
  }

  acknowledge(acked) {
    this.refused = null;
    for (const [name, answer] of Object.entries(acked)) {
      const item = pending.get(name);
      if (answer.error) this.refused = answer.error;
      if (item && item.seq <= answer.seq) {
        pending.delete(name);
        const known = documents.get(item.key);
        if (known && !answer.error) known.base = JSON.stringify(item.document);
      }
    }
    storePending();
  }

  tick() {
    if (!this.root.isConnected) return this.destroy(); // the element went away without a word
    if (pending.size && Date.now() - (this.sent || 0) > RESEND_MS) this.flush();
    this.showSaved();
  }

  showSaved() {
    let state = "saved";
    let text = "Saved";
    if (this.data?.read_only) text = "";
    else if (this.refused) [state, text] = ["refused", `Not saved: ${this.refused}`];
    else if (pending.size) {
      const oldest = Math.min(...[...pending.values()].map((p) => p.since));
      [state, text] = Date.now() - oldest > RESEND_MS ? ["offline", "Offline, will send again"] : ["saving", "Saving…"];
    } else if (this.document && !this.document.own) [state, text] = this.document.boxes.length ? ["proposed", "Proposed boxes"] : ["", ""];
    if (this.saveState.textContent !== text) this.saveState.textContent = text;
    this.saveState.dataset.state = state;
    this.saveState.title = text;
  }

  go(to) {
    if (this.data.read_only && (to === "done" || to === "skip")) return;
    this.cancelDrag();
    if (to === "done" && !this.document.own) this.commit(0); // proposals that a person lets stand become their answer
    else this.flush();
    this.component.setTriggerValue("go", { to, from: this.data.key });
  }

  // -- boxes ---------------------------------------------------------------------------------------------------------

  box(id = this.selected) {
    return this.document.boxes.find((b) => b.id === id);
  }

  color(label) {
    return this.data.classes.find((c) => c.name === label)?.color || "#7a7a7a";
  }

  newId() {
    const used = new Set(this.document.boxes.map((b) => b.id));
    let n = this.document.boxes.length + 1;
    while (used.has(`b${n}`)) n += 1;
    return `b${n}`;
  }

  add(rect, label = this.active) {
    if (!label) return this.say("Add a class to this collection first");
    const box = { id: this.newId(), label, ...this.bounded(rect) };
    this.edit((d) => d.boxes.push(box));
    this.select(box.id);
    return box;
  }

  // A box that a person changed is theirs: the model's score no longer belongs to it.
  replace(id, values, join) {
    this.edit((d) => {
      d.boxes = d.boxes.map((b) => {
        if (b.id !== id) return b;
        const { score, ...rest } = b;
        return { ...rest, ...values };
      });
    }, join);
  }

  bounded({ x, y, w, h }) {
    const { width, height } = this.data;
    const left = clamp(Math.min(x, x + w), 0, width);
    const top = clamp(Math.min(y, y + h), 0, height);
    const right = clamp(Math.max(x, x + w), 0, width);
    const bottom = clamp(Math.max(y, y + h), 0, height);
    return { x: tidy(left), y: tidy(top), w: tidy(right - left), h: tidy(bottom - top) };
  }

  shifted(box, dx, dy) {
    return {
      x: tidy(clamp(box.x + dx, 0, Math.max(0, this.data.width - box.w))),
      y: tidy(clamp(box.y + dy, 0, Math.max(0, this.data.height - box.h))),
    };
  }

  setClass(name) {
    this.active = name;
    const box = this.box();
    if (box && box.label !== name) this.replace(box.id, { label: name });
    else this.draw();
    this.say(box ? `Class ${name}` : `Next boxes: ${name}`);
  }

  toggleImageClass(name) {
    this.edit((d) => {
      d.classes = d.classes.includes(name) ? d.classes.filter((c) => c !== name) : [...d.classes, name];
    });
  }

  remove(id = this.selected) {
    if (!this.box(id)) return;
    this.edit((d) => (d.boxes = d.boxes.filter((b) => b.id !== id)));
    if (this.selected === id) this.selected = null;
    this.draw();
    this.say(`Deleted, ${this.document.boxes.length} boxes left`);
  }

  duplicate(box) {
    if (!box) return;
    const step = Math.max(6, Math.round(Math.min(box.w, box.h) / 8));
    const at = this.shifted(box, step, step);
    const { score, extra, id, ...rest } = box;
    this.add({ ...rest, ...at, w: Math.min(box.w, this.data.width), h: Math.min(box.h, this.data.height) }, box.label);
  }

  select(id) {
    this.selected = id;
    this.draw();
    const box = this.box();
    if (box) {
      const place = this.document.boxes.indexOf(box) + 1;
      this.say(`Box ${place} of ${this.document.boxes.length}, ${box.label}, ${Math.round(box.w)} by ${Math.round(box.h)} pixels`);
    }
  }

  // -- zoom ----------------------------------------------------------------------------------------------------------

  fit() {
    const { clientWidth, clientHeight } = this.stage;
    if (!clientWidth || !this.data) return;
    const k = Math.min((clientWidth - 28) / this.data.width, (clientHeight - 28) / this.data.height, 12);
    this.zoom = {
      k, x: (clientWidth - this.data.width * k) / 2, y: (clientHeight - this.data.height * k) / 2, fitted: true,
    };
    this.place_();
  }

  resized() {
    if (this.zoom.fitted) this.fit();
    else this.place_();
  }

  zoomTo(k) {
    this.zoomBy(k / this.zoom.k);
  }

  zoomBy(factor, at) {
    const { k, x, y } = this.zoom;
    const next = clamp(k * factor, 0.02, 40);
    const cx = at?.x ?? this.stage.clientWidth / 2;
    const cy = at?.y ?? this.stage.clientHeight / 2;
    this.zoom = { k: next, x: cx - ((cx - x) * next) / k, y: cy - ((cy - y) * next) / k, fitted: false };
    this.place_();
  }

  wheel(e) {
    e.preventDefault();
    e.stopPropagation();
    const step = e.deltaMode === 1 ? e.deltaY * 16 : e.deltaY;
    this.zoomBy(Math.exp(-clamp(step, -240, 240) / 420), this.onStage(e));
  }

  onStage(e) {
    const rect = this.stage.getBoundingClientRect();
    return { x: e.clientX - rect.left - this.stage.clientLeft, y: e.clientY - rect.top - this.stage.clientTop };
  }

  // Pixel of the image under the pointer: whole ones, tenths when zoomed in far enough to see them.
  toImage(at, exact = false) {
    const x = (at.x - this.zoom.x) / this.zoom.k;
    const y = (at.y - this.zoom.y) / this.zoom.k;
    if (exact) return { x, y };
    const grain = this.zoom.k > 3 ? 10 : 1;
    return { x: Math.round(x * grain) / grain, y: Math.round(y * grain) / grain };
  }

  // -- pointer -------------------------------------------------------------------------------------------------------

  pointerdown(e) {
    const at = this.onStage(e);
    this.stage.focus({ preventScroll: true });
    if (e.button === 1 || (e.button === 0 && this.panning)) {
      e.preventDefault();
      this.drag = { kind: "pan", at, zoom: { ...this.zoom } };
    } else if (e.button === 0 && !this.data.read_only) {
      const handle = this.handleAt(at);
      const box = this.box();
      const p = this.toImage(at, true);
      if (handle && !e.shiftKey) this.drag = { kind: "resize", handle, start: { ...box }, box: { ...box } };
      else if (box && !this.hidden && inside(box, p.x, p.y) && !e.shiftKey) {
        this.drag = { kind: "move", from: p, start: { ...box }, box: { ...box }, at };
      } else this.drag = { kind: "draw", from: this.clampPoint(this.toImage(at)), at, always: e.shiftKey };
    } else if (e.button === 0) this.select(this.hit(this.toImage(at, true))?.id ?? null);
    if (this.drag) this.stage.setPointerCapture(e.pointerId);
    this.cursor(at);
  }

  clampPoint({ x, y }) {
    return { x: clamp(x, 0, this.data.width), y: clamp(y, 0, this.data.height) };
  }

  pointermove(e) {
    const at = this.onStage(e);
    this.pointer = at;
    const drag = this.drag;
    if (!drag) {
      const over = this.hit(this.toImage(at, true))?.id ?? null;
      if (over !== this.hovered) {
        this.hovered = over;
        this.draw();
      }
    } else if (drag.kind === "pan") {
      this.zoom = { ...drag.zoom, x: drag.zoom.x + at.x - drag.at.x, y: drag.zoom.y + at.y - drag.at.y, fitted: false };
      this.place_();
    } else if (drag.kind === "move") {
      const p = this.toImage(at, true);
      const grain = this.zoom.k > 3 ? 10 : 1;
      const dx = Math.round((p.x - drag.from.x) * grain) / grain;
      const dy = Math.round((p.y - drag.from.y) * grain) / grain;
      drag.moved = drag.moved || Math.hypot(at.x - drag.at.x, at.y - drag.at.y) > 3;
      if (drag.moved) drag.box = { ...drag.start, ...this.shifted(drag.start, dx, dy) };
      this.place_();
    } else if (drag.kind === "resize") {
      drag.moved = true;
      drag.box = { ...drag.start, ...this.resizedBy(drag.start, drag.handle, this.clampPoint(this.toImage(at))) };
      this.place_();
    } else if (drag.kind === "draw") {
      const p = this.clampPoint(this.toImage(at));
      drag.rect = this.bounded({ ...drag.from, w: p.x - drag.from.x, h: p.y - drag.from.y });
      drag.moved = drag.moved || Math.hypot(at.x - drag.at.x, at.y - drag.at.y) > 4;
      this.place_();
    }
    this.cursor(at);
    this.showCross();
    this.showCoords();
  }

  resizedBy(box, handle, p) {
    let [left, top, right, bottom] = [box.x, box.y, box.x + box.w, box.y + box.h];
    if (handle.includes("w")) left = p.x;
    if (handle.includes("e")) right = p.x;
    if (handle.includes("n")) top = p.y;
    if (handle.includes("s")) bottom = p.y;
    const rect = this.bounded({ x: left, y: top, w: right - left, h: bottom - top });
    return { ...rect, w: Math.max(rect.w, 1), h: Math.max(rect.h, 1) };
  }

  pointerup(e) {
    const drag = this.drag;
    this.drag = null;
    if (!drag) return;
    const at = this.onStage(e);
    if ((drag.kind === "move" || drag.kind === "resize") && drag.moved) {
      const { x, y, w, h } = drag.box;
      const same = ["x", "y", "w", "h"].every((side) => drag.box[side] === drag.start[side]);
      if (!same) this.replace(drag.start.id, { x, y, w, h });
      this.select(drag.start.id);
    } else if (drag.kind === "move") {
      this.select(this.hit(this.toImage(at, true))?.id ?? null); // a click picks the smallest box here
    } else if (drag.kind === "draw") {
      if (drag.moved && drag.rect.w >= 1 && drag.rect.h >= 1) this.add(drag.rect);
      else this.select(this.hit(this.toImage(at, true))?.id ?? null);
    }
    this.place_();
    this.cursor(at);
  }

  cancelDrag() {
    this.drag = null;
    if (this.document) this.place_();
  }

  leave() {
    this.pointer = null;
    if (this.hovered && !this.drag) {
      this.hovered = null;
      this.draw();
    }
    this.showCross();
    this.coords.textContent = "";
  }

  // The smallest box under a point: a small one inside a large one can always be reached.
  hit({ x, y }) {
    if (this.hidden) return undefined;
    const slack = 3 / this.zoom.k;
    const under = this.document.boxes.filter((b) =>
      inside({ x: b.x - slack, y: b.y - slack, w: b.w + 2 * slack, h: b.h + 2 * slack }, x, y));
    return under.sort((a, b) => a.w * a.h - b.w * b.h)[0];
  }

  handleAt(at) {
    const box = this.box();
    if (!box || this.hidden) return null;
    let best = null;
    for (const [name, fx, fy] of HANDLES) {
      const hx = this.zoom.x + (box.x + box.w * fx) * this.zoom.k;
      const hy = this.zoom.y + (box.y + box.h * fy) * this.zoom.k;
      const distance = Math.max(Math.abs(hx - at.x), Math.abs(hy - at.y));
      if (distance <= 8 && (!best || distance < best.distance)) best = { name, distance };
    }
    return best?.name ?? null;
  }

  cursor(at) {
    const handle = this.drag?.handle || (!this.drag && this.handleAt(at));
    const box = this.box();
    const p = this.toImage(at, true);
    let cursor = this.data.read_only ? "default" : "crosshair";
    if (this.drag?.kind === "pan") cursor = "grabbing";
    else if (this.panning) cursor = "grab";
    else if (handle) cursor = { n: "ns", s: "ns", e: "ew", w: "ew", nw: "nwse", se: "nwse", ne: "nesw", sw: "nesw" }[handle] + "-resize";
    else if (this.drag?.kind === "move" || (!this.drag && box && !this.hidden && inside(box, p.x, p.y))) cursor = "move";
    this.stage.style.cursor = cursor;
  }

  // -- keys ----------------------------------------------------------------------------------------------------------

  keydown(e) {
    e.stopPropagation(); // Streamlit's own keys (c, r) must not fire from here
    const onButton = e.target.closest?.("button") != null;
    if (onButton && (e.key === "Enter" || e.key === " ")) return;
    if (!this.help.hidden) {
      if (e.key === "Escape" || e.key === "?") this.toggleHelp(false);
      if (e.key !== "Tab") e.preventDefault();
      else {
        e.preventDefault();
        this.helpClose.focus();
      }
      return;
    }
    if (this.handleKey(e)) e.preventDefault();
  }

  // Returns whether the key was ours.
  handleKey(e) {
    const box = this.box();
    const key = e.key.length === 1 ? e.key.toLowerCase() : e.key;
    if (e.ctrlKey || e.metaKey) {
      if (key === "z") return e.shiftKey ? this.redo() : this.undo(), true;
      if (key === "y") return this.redo(), true;
      if (key === "d") return this.duplicate(box), true;
      if (key === "c" && box) return (this.clipboard = { ...box }), this.say("Copied"), true;
      if (key === "v" && this.clipboard) return this.paste(), true;
      return false;
    }
    if (key.startsWith("Arrow")) return box ? (this.nudge(e, box), true) : false;
    if (e.altKey) return false;
    const byKey = this.data.classes.find((c) => c.hotkey && c.hotkey.toLowerCase() === key);
    const actions = {
      Delete: () => this.remove(), Backspace: () => this.remove(), Escape: () => this.escape(), Enter: () => this.go("done"),
      n: () => this.go("next"), ".": () => this.go("next"), PageDown: () => this.go("next"), p: () => this.go("previous"),
      ",": () => this.go("previous"), PageUp: () => this.go("previous"), s: () => this.data.skip !== false && this.go("skip"),
      "+": () => this.zoomBy(1.25), "=": () => this.zoomBy(1.25), "-": () => this.zoomBy(1 / 1.25), h: () => this.toggleHidden(),
      c: () => this.toggleCross(), "?": () => this.toggleHelp(true), b: () => this.addInMiddle(), " ": () => this.space(true),
    };
    if (key === "Tab") return this.step(e.shiftKey ? -1 : 1, e);
    if (byKey && !e.repeat) return this.setClass(byKey.name), true;
    if (key === "0") return this.fit(), true;
    if (!actions[key] || (e.repeat && ["Enter", "n", "p", ".", ",", "s", "b"].includes(key))) return !!actions[key];
    actions[key]();
    return true;
  }

  // Tab goes from box to box on the stage; after the last one it leaves, so that nobody is caught here.
  step(by, e) {
    if (e.target !== this.stage || this.hidden) return false;
    const boxes = this.document.boxes;
    const here = boxes.findIndex((b) => b.id === this.selected);
    const next = here === -1 ? (by > 0 ? 0 : boxes.length - 1) : here + by;
    if (next < 0 || next >= boxes.length) {
      this.select(null);
      return false;
    }
    this.select(boxes[next].id);
    return true;
  }

  nudge(e, box) {
    const by = e.shiftKey ? 10 : 1;
    const dx = { ArrowLeft: -by, ArrowRight: by }[e.key] || 0;
    const dy = { ArrowUp: -by, ArrowDown: by }[e.key] || 0;
    if (e.altKey) {
      const rect = this.bounded({ x: box.x, y: box.y, w: Math.max(1, box.w + dx), h: Math.max(1, box.h + dy) });
      this.replace(box.id, rect, `size ${box.id}`);
    } else this.replace(box.id, this.shifted(box, dx, dy), `nudge ${box.id}`);
  }

  paste() {
    const box = this.clipboard;
    const rect = this.bounded(box);
    if (rect.w < 1 || rect.h < 1 || !this.data.classes.some((c) => c.name === box.label)) return this.say("It does not fit here");
    const there = this.document.boxes.some((b) => ["x", "y", "w", "h"].every((s) => b[s] === rect[s]));
    if (there) this.duplicate({ ...box, ...rect });
    else this.add(rect, box.label);
  }

  addInMiddle() {
    const { clientWidth, clientHeight } = this.stage;
    const middle = this.toImage({ x: clientWidth / 2, y: clientHeight / 2 });
    const side = Math.max(4, Math.round(Math.min(this.data.width, this.data.height) / 5));
    this.add({ x: Math.round(middle.x - side / 2), y: Math.round(middle.y - side / 2), w: side, h: side });
  }

  escape() {
    if (this.drag) this.cancelDrag();
    else this.select(null);
  }

  space(down) {
    if (this.panning === down) return;
    this.panning = down;
    if (this.pointer) this.cursor(this.pointer);
  }

  toggleHidden() {
    this.hidden = !this.hidden;
    this.draw();
    this.say(this.hidden ? "Boxes hidden" : "Boxes shown");
  }

  toggleCross() {
    this.crosshair = !this.crosshair;
    this.draw();
  }

  toggleHelp(open = this.help.hidden) {
    this.help.hidden = !open;
    (open ? this.helpClose : this.stage).focus({ preventScroll: true });
  }

  // -- drawing -------------------------------------------------------------------------------------------------------

  draw() {
    if (!this.document) return;
    this.drawBoxes();
    this.drawClasses();
    this.drawChips();
    this.drawBoxList();
    this.undoButton.disabled = !this.document.undo.length;
    this.redoButton.disabled = !this.document.redo.length;
    this.hideButton.setAttribute("aria-pressed", this.hidden);
    this.crossButton.setAttribute("aria-pressed", this.crosshair);
    const none = !this.data.classes.length;
    this.hint.textContent = this.data.read_only ? "Read only"
      : none ? "This collection has no classes for boxes yet: add one under Classes on this page."
        : this.box() ? "Drag to move, handles to resize, digits change the class, Del deletes"
          : `Drag on the image to draw “${this.active}”`;
    this.place_();
  }

  drawBoxes() {
    const seen = new Set();
    for (const box of this.document.boxes) {
      seen.add(box.id);
      let pair = this.rects.get(box.id);
      if (!pair) {
        pair = [svg("rect", { class: "halo", "vector-effect": "non-scaling-stroke" }), svg("rect", { class: "box", "vector-effect": "non-scaling-stroke" })];
        this.rects.set(box.id, pair);
        this.layer.append(...pair);
      }
      const color = this.color(box.label);
      pair[1].style.stroke = color;
      pair[1].style.fill = color;
      for (const rect of pair) {
        rect.classList.toggle("selected", box.id === this.selected);
        rect.classList.toggle("hovered", box.id === this.hovered);
        rect.classList.toggle("proposed", box.score != null);
      }
    }
    for (const [id, pair] of this.rects) {
      if (seen.has(id)) continue;
      pair.forEach((rect) => rect.remove());
      this.rects.delete(id);
    }
    const top = this.rects.get(this.selected);
    if (top && this.layer.lastChild !== this.draft) this.layer.append(...top);
    this.layer.append(this.draft);
    this.layer.style.display = this.hidden ? "none" : "";
  }

  // Put picture, boxes, handles and tags where zoom and drag say.
  place_() {
    const { k, x, y } = this.zoom;
    this.image.style.transform = `translate(${x}px, ${y}px) scale(${k})`;
    this.image.style.imageRendering = k > 3 ? "pixelated" : "";
    this.layer.setAttribute("transform", `translate(${x} ${y}) scale(${k})`);
    this.percent.textContent = `${Math.round(k * 100)} %`;
    if (!this.document) return;
    const shown = this.document.boxes.map((b) => (this.drag?.box?.id === b.id ? { ...b, ...this.drag.box } : b));
    for (const box of shown) {
      for (const rect of this.rects.get(box.id) || []) {
        for (const [name, side] of [["x", "x"], ["y", "y"], ["width", "w"], ["height", "h"]]) rect.setAttribute(name, box[side]);
      }
    }
    const draft = this.drag?.kind === "draw" && this.drag.moved ? this.drag.rect : null;
    this.draft.setAttribute("visibility", draft ? "visible" : "hidden");
    if (draft) {
      for (const [name, side] of [["x", "x"], ["y", "y"], ["width", "w"], ["height", "h"]]) this.draft.setAttribute(name, draft[side]);
      this.draft.style.stroke = this.color(this.active);
      this.draft.style.fill = this.color(this.active);
    }
    this.placeHandles(shown.find((b) => b.id === this.selected));
    this.placeTags(shown);
    this.showCross();
  }

  placeHandles(box) {
    const wanted = box && !this.hidden && !this.data.read_only;
    this.handles.style.display = wanted ? "" : "none";
    if (!wanted) return;
    if (!this.handles.childNodes.length) {
      for (const [name] of HANDLES) this.handles.append(svg("rect", { class: `handle ${name}`, width: 9, height: 9, rx: 2 }));
    }
    const { k, x, y } = this.zoom;
    HANDLES.forEach(([, fx, fy], i) => {
      const node = this.handles.childNodes[i];
      node.setAttribute("x", x + (box.x + box.w * fx) * k - 4.5);
      node.setAttribute("y", y + (box.y + box.h * fy) * k - 4.5);
      node.style.stroke = this.color(box.label);
    });
  }

  placeTags(shown) {
    const few = shown.length <= MAX_TAGS;
    const wanted = this.hidden ? [] : shown.filter((b) => few || b.id === this.selected || b.id === this.hovered);
    const keep = new Set(wanted.map((b) => b.id));
    for (const [id, tag] of this.tags) {
      if (keep.has(id)) continue;
      tag.remove();
      this.tags.delete(id);
    }
    const { k, x, y } = this.zoom;
    for (const box of wanted) {
      let tag = this.tags.get(box.id);
      if (!tag) {
        tag = el("span", { class: "tag" });
        this.tags.set(box.id, tag);
        this.tagLayer.append(tag);
      }
      const text = box.score != null ? `${box.label} ${box.score.toFixed(2)}` : box.label;
      if (tag.textContent !== text) tag.textContent = text;
      const color = this.color(box.label);
      tag.style.background = color;
      tag.style.color = inkOn(color);
      tag.classList.toggle("selected", box.id === this.selected);
      const top = y + box.y * k;
      tag.style.transform = `translate(${Math.round(x + box.x * k - 1)}px, ${Math.round(top < 19 ? top + 2 : top - 18)}px)`;
    }
  }

  showCross() {
    const on = this.crosshair && this.pointer && !this.data?.read_only && this.drag?.kind !== "pan" && !this.panning;
    for (const line of [this.crossX, this.crossY]) line.style.display = on ? "" : "none";
    if (!on) return;
    const { x, y } = this.pointer;
    const { clientWidth: w, clientHeight: h } = this.stage;
    for (const [line, values] of [[this.crossX, [0, y, w, y]], [this.crossY, [x, 0, x, h]]]) {
      ["x1", "y1", "x2", "y2"].forEach((name, i) => line.setAttribute(name, values[i]));
    }
  }

  showCoords() {
    if (!this.pointer) return;
    const p = this.toImage(this.pointer);
    const box = this.drag?.rect || this.drag?.box || this.box();
    const size = box ? `   ${tidy(box.w)} × ${tidy(box.h)}` : "";
    const on = p.x >= 0 && p.y >= 0 && p.x <= this.data.width && p.y <= this.data.height;
    this.coords.textContent = (on ? `${tidy(p.x)}, ${tidy(p.y)}` : "") + size;
  }

  drawClasses() {
    const counts = new Map();
    for (const box of this.document.boxes) counts.set(box.label, (counts.get(box.label) || 0) + 1);
    const current = this.box()?.label ?? this.active;
    const signature = JSON.stringify([this.data.classes, [...counts], current, !!this.data.read_only]);
    if (signature === this.drawnClasses) return;
    this.drawnClasses = signature;
    const focused = this.focusedIn(this.classList);
    this.classList.replaceChildren(...this.data.classes.map((c) => {
      const swatch = el("span", { class: "swatch" });
      swatch.style.background = c.color;
      const label = c.hotkey ? `${c.name}, key ${c.hotkey}` : c.name;
      const button = el("button", {
        type: "button", class: "class", "aria-pressed": String(c.name === current), "aria-label": label, title: label, "data-name": c.name,
        disabled: !!this.data.read_only, onclick: () => this.setClass(c.name),
      }, swatch, el("span", { class: "label" }, c.name), el("span", { class: "count" }, String(counts.get(c.name) || "")));
      if (c.hotkey) button.append(el("kbd", {}, c.hotkey));
      return button;
    }));
    if (!this.data.classes.length) this.classList.append(el("p", { class: "muted" }, "No classes yet."));
    this.refocus(this.classList, focused);
  }

  drawChips() {
    const classes = this.data.image_classes || [];
    this.chipSection.hidden = !classes.length;
    const signature = JSON.stringify([classes, this.document.classes]);
    if (signature === this.drawnChips) return;
    this.drawnChips = signature;
    const focused = this.focusedIn(this.chips);
    this.chips.replaceChildren(...classes.map((c) =>
      el("button", {
        type: "button", class: "chip", "aria-pressed": String(this.document.classes.includes(c.name)), "data-name": c.name,
        disabled: !!this.data.read_only, onclick: () => this.toggleImageClass(c.name),
      }, c.name)));
    this.refocus(this.chips, focused);
  }

  drawBoxList() {
    const boxes = this.document.boxes;
    const signature = JSON.stringify([boxes.map((b) => [b.id, b.label, b.w, b.h, b.score]), this.selected, this.data.classes]);
    if (signature === this.drawnBoxes) return;
    this.drawnBoxes = signature;
    this.boxCount.textContent = boxes.length ? String(boxes.length) : "";
    const focused = this.focusedIn(this.boxList);
    this.boxList.replaceChildren(...boxes.map((b, i) => {
      const swatch = el("span", { class: "swatch" });
      swatch.style.background = this.color(b.label);
      const size = `${Math.round(b.w)} × ${Math.round(b.h)}`;
      const row = el("div", { class: "row", role: "listitem" },
        el("button", {
          type: "button", class: "pick", "aria-pressed": String(b.id === this.selected), "data-name": b.id,
          "aria-label": `Box ${i + 1}, ${b.label}, ${size} pixels`, onclick: () => this.select(b.id),
        }, swatch, el("span", { class: "label" }, b.label), el("span", { class: "size" }, size)));
      if (!this.data.read_only) {
        row.append(el("button", { type: "button", class: "drop", "aria-label": `Delete box ${i + 1}`, title: "Delete (Del)", onclick: () => this.remove(b.id) }, icon("trash")));
      }
      return row;
    }));
    if (!boxes.length) this.boxList.append(el("p", { class: "muted" }, "None yet."));
    this.refocus(this.boxList, focused);
    if (this.selected) this.scrollTo(this.boxList, this.boxList.querySelector('[aria-pressed="true"]'), "top");
  }

  drawStrip(before) {
    const items = this.data.strip || [];
    this.strip.hidden = items.length < 2;
    if (before && JSON.stringify(before.strip) === JSON.stringify(items)) return;
    const words = { todo: "to do", started: "started", done: "done", skipped: "skipped" };
    this.strip.replaceChildren(...items.map((item) =>
      el("button", {
        type: "button", class: "thumb", "aria-current": item.current ? "true" : null, "data-status": item.status,
        title: `${item.name} (${words[item.status] || item.status})`, "aria-label": `${item.name}, ${words[item.status] || item.status}`,
        onclick: () => this.go(item.id),
      }, item.thumb ? el("img", { src: item.thumb, alt: "", loading: "lazy" }) : el("span", { class: "blank" }))));
    this.scrollTo(this.strip, this.strip.querySelector('[aria-current="true"]'), "left");
  }

  // Scroll inside one list only: scrollIntoView would move the whole page.
  scrollTo(list, node, side) {
    if (!node) return;
    const a = list.getBoundingClientRect();
    const b = node.getBoundingClientRect();
    if (side === "left") list.scrollLeft += b.left + b.width / 2 - a.left - a.width / 2;
    else if (b.top < a.top || b.bottom > a.bottom) list.scrollTop += b.top - a.top - a.height / 2;
  }

  focusedIn(list) {
    const active = this.root.getRootNode().activeElement;
    return active && list.contains(active) ? active.dataset.name ?? "" : null;
  }

  refocus(list, name) {
    if (name === null) return;
    const again = [...list.querySelectorAll("[data-name]")].find((n) => n.dataset.name === name);
    (again || this.stage).focus({ preventScroll: true });
  }

  say(text) {
    this.live.textContent = text;
  }
}

function sameBoxes(known, other) {
  const plain = (d) => JSON.stringify([(d.boxes || []).map((b) => [b.id, b.label, b.x, b.y, b.w, b.h]), d.classes || []]);
  return plain(known) === plain(other);
}
