// The annotator: plain ES modules without a build step, mounted by __init__.py through Streamlit's components v2.
//
// What matters here:
// - Streamlit calls the default export again on every change of `data` and may remount the element. Documents and undo
//   live in this module, what is not yet saved in outbox.js; both survive.
// - Answers, the next item and the help of the server go over our own route (/api/desk), not through a rerun of the page.
// - A document that was shown once is taken from the server again only when nothing of ours is newer.

import { clamp, copy, el, icon, iconButton, tidy } from "./dom.js";
import { bounds, moved } from "./geometry.js";
import { Outbox, unsaved } from "./outbox.js";
import { Panels } from "./panels.js";
import { PictureStage } from "./picture.js";
import { WordStage } from "./words.js";

const IDLE_MS = 60_000; // a longer pause is not counted as work
const TOOLS = [
  ["select", "Select and move", "v", null], ["box", "Box", "b", "box"], ["polygon", "Polygon", "g", "polygon"],
  ["polyline", "Line", "l", "polyline"], ["point", "Keypoint", "k", "point"], ["ellipse", "Ellipse", "e", "ellipse"],
  ["mask", "Brush", "m", "mask"], ["erase", "Eraser", "shift+m", "mask"], ["grab", "Cut out the thing inside a box", "q", "area"],
  ["wand", "Fill an area of one colour", "w", "area"], ["scissors", "Polygon that follows edges", "o", "polygon"],
];
const STATUS_WORDS = { todo: "to do", started: "started", review: "in review", done: "done", skipped: "skipped" };

const documents = new Map(); // document key -> {regions, classes, …, undo, redo, base, own}
const views = new WeakMap(); // parent element -> Editor

export default function (component) {
  const { parentElement } = component;
  let view = views.get(parentElement);
  if (!view) {
    view = new Editor(parentElement);
    views.set(parentElement, view);
  }
  view.update(component);
  return () => {
    view.destroy();
    views.delete(parentElement);
  };
}

class Editor {
  constructor(parent) {
    this.selected = null;
    this.tool = "box";
    this.active = null; // class of the next region
    this.clipboard = null;
    this.clock = { active: 0, last: Date.now() };
    this.outbox = new Outbox({ changed: () => this.showSaved(), gone: () => this.renew(), saved: (sent) => this.stored(sent) });
    this.panels = new Panels(this);
    this.picture = new PictureStage(this);
    this.words = new WordStage(this);
    this.stage = this.picture;
    this.build(parent);
  }

  destroy() {
    this.outbox.close();
    this.picture.destroy();
    this.root.remove();
  }

  build(parent) {
    this.root = el("div", { class: "annotator", "data-state": "loading" });
    this.name = el("span", { class: "name" });
    this.place = el("span", { class: "place" });
    this.percent = el("button", {
      type: "button", class: "tool percent", title: "Real size: one image pixel is one screen pixel (1:1)", onclick: () => this.picture.zoomTo(1),
    });
    this.undoButton = iconButton("undo", "Undo", "Ctrl+Z", () => this.undo());
    this.redoButton = iconButton("redo", "Redo", "Ctrl+Shift+Z", () => this.redo());
    this.hideButton = iconButton("eye", "Hide regions", "H", () => this.picture.toggleHidden());
    this.crossButton = iconButton("cross", "Crosshair", "C", () => this.picture.toggleCross());
    this.lightButton = iconButton("light", "Brightness and contrast", "", () => this.togglePopup(this.lightPanel), { "aria-haspopup": "true" });
    this.copyButton = iconButton("blur", "See the redacted copy", "Y", () => this.toggleCopy());
    this.flagButton = iconButton("flag", "Flag this item", "F", () => this.toggleFlag());
    this.guideButton = iconButton("book", "Instructions", "I", () => this.toggleGuide());
    this.saveState = el("span", { class: "save", role: "status" });
    this.skipButton = el("button", { type: "button", class: "text", title: "Skip this item (S)", onclick: () => this.askSkip() }, "Skip");
    this.doneButton = el(
      "button", { type: "button", class: "primary", title: "Mark as done and go to the next (Enter)", onclick: () => this.go("done") }, "Done, next",
    );
    this.returnButton = el("button", { type: "button", class: "text", title: "Send it back to its author", onclick: () => this.askReturn() }, "Send back");
    this.zoomGroup = el("div", { class: "group" },
      iconButton("minus", "Zoom out", "−", () => this.picture.zoomBy(1 / 1.25)), this.percent,
      iconButton("plus", "Zoom in", "+", () => this.picture.zoomBy(1.25)), iconButton("fit", "Fit", "0", () => this.picture.fit()));
    this.viewGroup = el("div", { class: "group" }, this.hideButton, this.crossButton, this.lightButton, this.copyButton);
    this.bar = el("div", { class: "bar", role: "toolbar", "aria-label": "Annotator" },
      el("div", { class: "group" },
        iconButton("previous", "Previous", "P", () => this.go("previous")), iconButton("next", "Next", "N", () => this.go("next"))),
      el("div", { class: "title" }, this.name, this.place),
      el("div", { class: "group" }, this.undoButton, this.redoButton), this.zoomGroup, this.viewGroup,
      el("div", { class: "group" }, this.flagButton, this.guideButton, iconButton("help", "Keys", "?", () => this.toggleHelp())),
      el("div", { class: "grow" }), el("div", { class: "group end" }, this.skipButton, this.returnButton, this.doneButton),
    );
    this.toolbox = el("div", { class: "toolbox", role: "toolbar", "aria-label": "Tools", "aria-orientation": "vertical" });
    this.lightPanel = this.buildLight();
    this.menu = el("div", { class: "menu", role: "dialog", hidden: true });
    this.banner = el("div", { class: "banner", role: "status", hidden: true });
    this.finished = el("div", { class: "finished", hidden: true });
    this.hint = el("span", { class: "hint" });
    this.coords = el("span", { class: "coords" });
    this.strip = el("div", { class: "strip", role: "group", "aria-label": "Items" });
    this.live = el("div", { class: "offscreen", "aria-live": "polite" });
    this.help = this.buildSheet("Mouse and keys");
    this.guide = this.buildSheet("Instructions");
    this.main = el("div", { class: "main" }, this.toolbox, this.picture.node, this.words.node, this.panels.node, this.lightPanel, this.menu, this.finished);
    this.root.append(this.bar, this.banner, this.main,
      el("div", { class: "foot" }, this.hint, el("span", { class: "grow" }), this.coords, this.saveState), this.strip, this.live, this.help.node, this.guide.node);
    this.styles(parent);
    parent.append(this.root);
    this.root.addEventListener("keydown", (e) => this.keydown(e));
    this.root.addEventListener("keyup", (e) => {
      e.stopPropagation();
      if (e.key === " ") this.picture.space(false);
    });
    for (const name of ["pointermove", "pointerdown", "keydown", "wheel"]) {
      this.root.addEventListener(name, () => this.work(), { passive: true, capture: true });
    }
  }

  styles(parent) {
    const url = new URL("annotator.css", import.meta.url);
    this.root.style.visibility = "hidden"; // until its style is here: nothing jumps
    const show = () => {
      this.root.style.visibility = "";
      this.takeFocus();
    };
    parent.append(el("link", { rel: "stylesheet", href: url.href, onload: show, onerror: show }));
  }

  // Keys work at once, unless somebody is busy elsewhere on the page.
  takeFocus() {
    if ([null, document.body].includes(document.activeElement)) this.stage.node.focus({ preventScroll: true });
  }

  buildLight() {
    const slider = (name, label) => {
      const input = el("input", { type: "range", min: 20, max: 300, value: 100, "aria-label": label });
      input.addEventListener("input", () => this.picture.setLight({ [name]: Number(input.value) }));
      return input;
    };
    const [brightness, contrast] = [slider("brightness", "Brightness"), slider("contrast", "Contrast")];
    const invert = el("input", { type: "checkbox", onchange: () => this.picture.setLight({ invert: invert.checked }) });
    const reset = el("button", {
      type: "button", class: "text",
      onclick: () => {
        brightness.value = contrast.value = 100;
        invert.checked = false;
        this.picture.setLight({ brightness: 100, contrast: 100, invert: 0 });
      },
    }, "As it is");
    return el("div", { class: "popup light", hidden: true }, el("label", {}, "Brightness", brightness), el("label", {}, "Contrast", contrast),
      el("label", { class: "line" }, invert, "Invert"), reset);
  }

  buildSheet(title) {
    const close = iconButton("close", "Close", "Esc", () => this.toggleSheet(sheet, false));
    const body = el("div", { class: "body" });
    const node = el("div", { class: "help", role: "dialog", "aria-label": title, hidden: true },
      el("div", { class: "sheet" }, el("header", {}, el("h3", {}, title), close), body));
    const sheet = { node, body, close };
    return sheet;
  }

  // -- data from Python ----------------------------------------------------------------------------------------------

  update(component) {
    this.component = component;
    const { data } = component;
    const before = this.data;
    this.data = data;
    this.outbox.connect(data.token);
    if (!before || before.nonce !== data.nonce) {
      this.show(data.item);
      this.takeFocus();
    }
    if (before && before.nonce === data.nonce && before.version !== data.version && this.item) this.refresh(); // classes or settings were changed on the page
    this.showSaved();
  }

  async refresh() {
    try {
      this.show(await this.outbox.call(`item?image=${this.item.id}`, null, "GET"), true);
    } catch (error) {
      this.say(error.message);
    }
  }

  // The page must run again: it hands out a new token (after a restart of the server).
  renew() {
    if (this.renewing === this.data.token) return;
    this.renewing = this.data.token;
    this.component.setTriggerValue("renew", { n: Date.now() });
  }

  show(item, same = false) {
    const waiting = unsaved(item.key);
    const known = documents.get(item.key);
    const base = plain(item.document);
    if (!known || (!waiting && known.base !== base && plain(known) !== base)) {
      documents.set(item.key, { ...copy(waiting ? waiting.document : item.document), undo: [], redo: [], base, own: item.own || !!waiting });
    } else known.base = base;
    this.item = item;
    this.document = documents.get(item.key);
    this.readOnly = !!item.read_only;
    const kept = same && this.region() ? this.selected : null;
    this.selected = kept;
    this.finished.hidden = true;
    this.clock = { active: 0, last: Date.now() };
    this.closePopups();
    this.choose();
    this.stage = item.kind === "image" ? this.picture : this.words;
    this.picture.node.hidden = this.zoomGroup.hidden = this.viewGroup.hidden = this.stage !== this.picture;
    this.words.node.hidden = this.stage !== this.words;
    if (!item.classes.some((c) => c.name === this.active)) this.active = item.classes[0]?.name ?? null;
    this.name.textContent = this.name.title = item.title;
    this.place.textContent = `${item.position} of ${item.count}`;
    this.doneButton.textContent = item.done_label;
    this.skipButton.hidden = this.readOnly || !item.can_skip;
    this.doneButton.hidden = this.readOnly;
    this.returnButton.hidden = item.mode !== "review";
    this.flagButton.hidden = item.mode !== "label";
    this.copyButton.hidden = !item.copy;
    this.panels.drawCopy(item.copy);
    this.copyShown = false;
    this.guideButton.hidden = !item.workflow.instructions;
    this.root.dataset.status = item.status || "";
    this.root.dataset.mode = item.mode;
    this.showBanner(item.notice);
    this.drawStrip();
    this.drawTools();
    if (same && this.stage === this.picture && this.picture.image.src.endsWith(item.image || "?")) this.draw();
    else this.stage.show(item);
    this.draw();
    for (const url of item.prefetch || []) new Image().src = url;
    this.showSaved();
    if (!same) this.say(`${item.title}, ${item.position} of ${item.count}, ${this.document.regions.length} regions`);
    const address = new URL(window.location.href);
    if (address.searchParams.has("image") && address.searchParams.get("image") !== String(item.id)) {
      address.searchParams.set("image", item.id);
      history.replaceState(history.state, "", address); // a reload shows this item again
    }
    if (item.workflow.instructions && item.first && !this.guided) {
      this.guided = true;
      this.toggleGuide(true);
    }
  }

  showBanner(notice) {
    this.banner.hidden = !notice;
    this.banner.textContent = notice?.text || "";
    this.banner.dataset.kind = notice?.kind || "";
  }

  // -- the document --------------------------------------------------------------------------------------------------

  region(id = this.selected) {
    return this.document?.regions.find((r) => r.id === id) ?? this.openProposals().find((r) => r.id === id);
  }

  // Everything on the stage: what is in the document, then proposals that nobody has decided on.
  shown() {
    if (!this.document) return [];
    const open = this.openProposals();
    return open.length ? [...this.document.regions, ...open] : this.document.regions;
  }

  openProposals() {
    const proposed = this.item?.proposal?.regions;
    if (!proposed?.length || this.readOnly) return [];
    if (this.cachedProposals?.regions === this.document.regions && this.cachedProposals.extra === this.document.extra && this.cachedProposals.from === proposed) {
      return this.cachedProposals.open;
    }
    const decided = new Set([...this.document.regions.map((r) => r.extra?.proposal ?? r.id), ...(this.document.extra?.rejected || [])]);
    const doubt = (r) => Math.abs((r.score ?? 1) - 0.5);
    const open = proposed.filter((r) => !decided.has(r.id)).map((r, i) => ({ r, i })).sort((a, b) => doubt(a.r) - doubt(b.r) || a.i - b.i).map(({ r }) => r);
    this.cachedProposals = { regions: this.document.regions, extra: this.document.extra, from: proposed, open, all: new Set(open) };
    return open;
  }

  isProposal(region) {
    return this.openProposals().length > 0 && this.cachedProposals.all.has(region);
  }

  proposedClasses() {
    const proposed = this.readOnly ? [] : this.item.proposal?.classes || [];
    return proposed.filter((c) => !(this.document.extra?.rejected || []).includes(`class:${c}`));
  }

  color(label) {
    return this.item.classes.find((c) => c.name === label)?.color || "#7a7a7a";
  }

  allows(shape) {
    return this.item.workflow.shapes.includes(shape);
  }

  // Change the document through `change`, which returns its new parts; `join` names steps that undo together.
  // Parts are replaced, never changed in place: undo keeps the old ones.
  edit(change, join = "") {
    if (this.readOnly) return;
    const now = Date.now();
    const joined = join && this.joined?.name === join && now - this.joined.at < 900;
    if (!joined) {
      this.document.undo.push(this.parts());
      if (this.document.undo.length > 300) this.document.undo.shift();
    }
    this.joined = join ? { name: join, at: now } : null;
    this.document.redo = [];
    Object.assign(this.document, change(this.document));
    this.commit(join ? 250 : 0);
  }

  parts() {
    const { regions, classes, fields, relations, extra } = this.document;
    return { regions, classes, fields, relations, extra };
  }

  undo() {
    this.step("undo", "redo", "Undone");
  }

  redo() {
    this.step("redo", "undo", "Done again");
  }

  step(from, to, word) {
    if (this.readOnly) return;
    const parts = this.document[from].pop();
    if (!parts) return this.say(`Nothing to ${from}`);
    this.document[to].push(this.parts());
    Object.assign(this.document, parts);
    this.joined = null;
    if (!this.region()) this.selected = null;
    this.commit(0);
    this.say(`${word}: ${this.document.regions.length} regions`);
  }

  commit(delay) {
    const plainParts = Object.fromEntries(Object.entries(this.parts()).filter(([, value]) => value !== undefined));
    this.document.own = true;
    this.draw();
    this.outbox.put(this.item.key, plainParts, this.takeTime(), delay);
  }

  stored(sent) {
    const known = documents.get(sent.key);
    if (known) known.base = plain(sent.document);
    if (sent.key !== this.item.key || !this.item.copy) return;
    this.panels.drawCopy(this.freshCopy()); // it was just made anew
    if (this.copyShown) this.showCopy();
  }

  // Before and after: the redacted copy in place of the original, at the same zoom.
  toggleCopy() {
    if (!this.item.copy) return;
    this.copyShown = !this.copyShown;
    if (this.copyShown) this.showCopy();
    else this.picture.image.src = this.item.image;
    this.draw();
    this.say(this.copyShown ? "The redacted copy" : "The original");
  }

  showCopy() {
    this.picture.image.src = this.freshCopy();
  }

  freshCopy() {
    const address = new URL(this.item.copy, document.baseURI);
    address.searchParams.set("v", Date.now());
    return address.href;
  }

  newId() {
    const used = new Set(this.shown().map((r) => r.id));
    let n = used.size + 1;
    while (used.has(`r${n}`)) n += 1;
    return `r${n}`;
  }

  add(geometry, label = this.active) {
    if (!label) return this.say("Add a class to this collection first");
    const region = { id: this.newId(), label, ...geometry };
    this.selected = region.id;
    this.edit((d) => ({ regions: [...d.regions, region] }));
    this.saySelected();
    return region;
  }

  // A region that a person changed is theirs: the model's score no longer belongs to it. A changed proposal is taken over.
  replace(id, values, join) {
    const proposal = this.openProposals().find((r) => r.id === id);
    const changed = (r) => {
      const { score, ...rest } = { ...r, ...values, ...(r.track ? { keyframe: true } : {}) };
      for (const [name, value] of Object.entries(rest)) if (value === undefined) delete rest[name];
      return rest;
    };
    this.edit((d) => ({ regions: proposal ? [...d.regions, changed(proposal)] : d.regions.map((r) => (r.id === id ? changed(r) : r)) }), join);
  }

  remove(id = this.selected) {
    if (!this.region(id)) return undefined;
    if (this.openProposals().some((r) => r.id === id)) return this.reject(id);
    if (this.selected === id) this.selected = null;
    this.edit((d) => ({
      regions: d.regions.filter((r) => r.id !== id), relations: d.relations?.filter((r) => r.from !== id && r.to !== id),
      extra: this.item.proposal?.regions.some((r) => r.id === id) ? this.rejecting([id]) : d.extra,
    }));
    return this.say(`Deleted, ${this.document.regions.length} regions left`);
  }

  select(id, look = false) {
    if (this.selected === id && !look) return;
    this.selected = id;
    const region = this.region();
    if (look && region && this.stage === this.picture && !this.inView(region)) this.picture.lookAt(region);
    this.draw();
    this.saySelected();
  }

  inView(region) {
    const b = bounds(region);
    const [x, y] = this.picture.toScreen([b.x, b.y]);
    const [right, bottom] = this.picture.toScreen([b.x + b.w, b.y + b.h]);
    const { clientWidth, clientHeight } = this.picture.node;
    return right > 0 && bottom > 0 && x < clientWidth && y < clientHeight;
  }

  saySelected() {
    const region = this.region();
    if (region) this.say(`${this.isProposal(region) ? "Proposed " : ""}${region.shape} ${this.shown().indexOf(region) + 1} of ${this.shown().length}, ${region.label}`);
  }

  setClass(name) {
    this.active = name;
    const region = this.region();
    if (this.stage === this.words && this.words.take()) return;
    if (region && region.label !== name) this.replace(region.id, { label: name });
    else this.draw();
    this.say(region ? `Class ${name}` : `Next regions: ${name}`);
  }

  toggleImageClass(name) {
    const single = this.item.workflow.single_choice;
    this.edit((d) => ({ classes: d.classes.includes(name) ? d.classes.filter((c) => c !== name) : single ? [name] : [...d.classes, name] }));
    this.say(this.document.classes.includes(name) ? `Chosen: ${name}` : `Not ${name}`);
  }

  setField(name, value) {
    this.edit((d) => {
      const fields = { ...d.fields, [name]: value };
      if (value === null) delete fields[name];
      return { fields };
    }, `field ${name}`);
  }

  setAttribute(id, name, value) {
    const attributes = { ...this.region(id).attributes, [name]: value };
    if (value === null) delete attributes[name];
    this.replace(id, { attributes }, `attribute ${id} ${name}`);
  }

  duplicate(region) {
    if (!region || region.shape === "span") return;
    const b = bounds(region);
    const step = Math.max(6, Math.round(Math.min(b.w || 48, b.h || 48) / 8));
    const { score, extra, id, track, ...rest } = region;
    this.add({ ...rest, ...moved(region, step, step, this.item) }, region.label);
  }

  paste() {
    const region = this.clipboard;
    const b = bounds(region);
    const outside = b.x + b.w > this.item.width || b.y + b.h > this.item.height;
    if (outside || !this.allows(region.shape) || !this.item.classes.some((c) => c.name === region.label)) return this.say("It does not fit here");
    const there = this.document.regions.some((r) => JSON.stringify(bounds(r)) === JSON.stringify(b));
    const { score, extra, id, ...rest } = region;
    return there ? this.duplicate(region) : this.add(rest, region.label);
  }

  // -- proposals -----------------------------------------------------------------------------------------------------

  rejecting(ids) {
    return { ...this.document.extra, rejected: [...new Set([...(this.document.extra?.rejected || []), ...ids])] };
  }

  accept(id = this.selected) {
    const open = this.openProposals();
    const region = open.find((r) => r.id === id) ?? open[0];
    if (!region) return this.acceptClasses();
    const { score, ...rest } = region;
    this.edit((d) => ({ regions: [...d.regions, rest] }));
    return this.nextProposal();
  }

  reject(id = this.selected) {
    const open = this.openProposals();
    const region = open.find((r) => r.id === id) ?? open[0];
    if (!region) return this.edit(() => ({ extra: this.rejecting(this.proposedClasses().map((c) => `class:${c}`)) }));
    this.edit(() => ({ extra: this.rejecting([region.id]) }));
    return this.nextProposal();
  }

  acceptAll() {
    // a verification shows labels without taking them over: its answer is the verdict
    const taken = this.openProposals().filter((r) => this.allows(r.shape)).map(({ score, ...rest }) => rest);
    const classes = [...new Set([...this.document.classes, ...this.proposedClasses()])];
    if (taken.length || classes.length > this.document.classes.length) this.edit((d) => ({ regions: [...d.regions, ...taken], classes }));
    this.say(`${taken.length} accepted`);
  }

  acceptClasses() {
    const fresh = this.proposedClasses().filter((c) => !this.document.classes.includes(c));
    if (!fresh.length) return this.say("Nothing is proposed");
    return this.edit((d) => ({ classes: this.item.workflow.single_choice ? fresh.slice(0, 1) : [...d.classes, ...fresh] }));
  }

  nextProposal() {
    const [next] = this.openProposals();
    if (next) this.select(next.id, true);
    else {
      this.select(null);
      this.say("All proposals are decided. Enter goes on.");
    }
  }

  // -- help of the server --------------------------------------------------------------------------------------------

  async ask(what, body) {
    this.hint.textContent = "Working…";
    this.root.setAttribute("aria-busy", "true");
    try {
      return await this.outbox.call(what, body);
    } catch (error) {
      if (error.code === "gone") this.renew();
      this.showBanner({ kind: "problem", text: error.code ? error.message : "The server cannot be reached; nothing was changed." });
      return null;
    } finally {
      this.root.removeAttribute("aria-busy");
      this.draw();
    }
  }

  async assist(kind, where) {
    const { key } = this.item;
    const answer = await this.ask("assist", { key, kind, ...where, mask: this.allows("mask") });
    if (!answer || this.item.key !== key) return;
    if (answer.region) this.add(answer.region);
    else this.say("Nothing was found there");
  }

  async scissors(from, to) {
    const answer = await this.ask("assist", { key: this.item.key, kind: "scissors", from, to });
    return answer?.points ?? null;
  }

  async comment(text) {
    const answer = await this.ask("comment", { key: this.item.key, text, region: this.selected });
    if (answer) this.item.comments = answer.comments;
    this.draw();
    return !!answer;
  }

  async toggleFlag() {
    if (this.item.mode !== "label") return;
    const answer = await this.ask("flag", { key: this.item.key, on: !this.item.flagged });
    if (answer) this.item.flagged = answer.flagged;
    this.draw();
    if (answer) this.say(answer.flagged ? "Flagged" : "Flag taken away");
  }

  async copyPrevious() {
    const answer = await this.ask("previous", { key: this.item.key });
    if (!answer) return;
    if (!answer.document || isEmpty(answer.document)) return this.say("The item before has no labels of yours");
    const used = new Set(this.document.regions.map((r) => r.id));
    const taken = answer.document.regions.map(({ score, extra, ...r }) => {
      let { id } = r;
      for (let n = 1; used.has(id); n += 1) id = `r${n}`;
      used.add(id);
      return { ...r, id };
    });
    this.edit((d) => ({ regions: [...d.regions, ...taken], classes: [...new Set([...d.classes, ...answer.document.classes])] }));
    this.say(`${taken.length} regions copied`);
  }

  async follow() {
    const region = this.region();
    if (!region || !this.item.clip?.next) return;
    await this.outbox.flush();
    const answer = await this.ask("follow", { key: this.item.key, region: region.id });
    if (answer) this.take(answer);
  }

  async interpolate() {
    const region = this.region();
    if (!region?.track) return;
    await this.outbox.flush();
    const answer = await this.ask("interpolate", { key: this.item.key, track: region.track });
    if (answer) this.say(`${answer.filled} frames filled`);
    if (answer) this.showBanner({ kind: "good", text: answer.filled === 1 ? "1 frame filled." : `${answer.filled} frames filled.` });
  }

  // -- relations -----------------------------------------------------------------------------------------------------

  startJoining() {
    if (!this.region() || !this.item.workflow.relations.length) return this.say("Choose a region first");
    this.joining = true;
    return this.draw();
  }

  stopJoining(text) {
    this.joining = false;
    this.draw();
    this.say(text);
  }

  join(other) {
    const from = this.selected;
    this.joining = false;
    if (other === from) return this.stopJoining("A region is not joined to itself");
    const label = this.item.workflow.relations[0];
    return this.edit((d) => ({ relations: [...(d.relations || []).filter((r) => r.from !== from || r.to !== other), { from, to: other, label }] }));
  }

  nameRelation(relation, label) {
    this.edit((d) => ({ relations: d.relations.map((r) => (r === relation ? { ...r, label } : r)) }));
  }

  dropRelation(relation) {
    this.edit((d) => ({ relations: d.relations.filter((r) => r !== relation) }));
  }

  // -- going on ------------------------------------------------------------------------------------------------------

  missing() {
    const { workflow } = this.item;
    const open = workflow.fields.filter((f) => f.required && (this.document.fields?.[f.name] ?? null) === null).map((f) => f.label || f.name);
    if (workflow.single_choice && this.item.image_classes.length && !this.document.classes.length) open.unshift("one choice");
    return open;
  }

  async go(to, more = {}) {
    if (this.readOnly && (to === "done" || to === "skip")) return;
    this.stage.cancel();
    this.closePopups();
    if (to === "done" && this.item.mode === "label") {
      if (this.openProposals().length || (!this.document.own && this.proposedClasses().length)) this.acceptAll(); // what a person lets stand becomes their answer
      const open = this.missing();
      if (open.length) {
        this.showBanner({ kind: "problem", text: `Still needed: ${open.join(", ")}.` });
        return;
      }
    }
    if (to === "done" && !this.document.own) this.commit(0); // nothing to mark is an answer too
    await this.outbox.flush();
    if (this.outbox.size && (to === "done" || to === "skip")) return; // not saved yet: stay here, it will be sent again
    const answer = await this.ask("go", { to, key: this.item.key, active: this.takeTime(), ...more });
    if (answer) this.take(answer);
  }

  take(answer) {
    if (answer.item) {
      this.show(answer.item);
      this.stage.node.focus({ preventScroll: true });
    } else if (answer.finished) this.showFinished(answer.finished);
    if (answer.notice) this.showBanner(answer.notice);
  }

  showFinished({ title, text, action }) {
    this.finished.hidden = false;
    const leave = el("button", { type: "button", class: "primary", onclick: () => this.component.setTriggerValue("leave", { n: Date.now() }) }, action || "Back");
    const stay = el("button", { type: "button", class: "text", onclick: () => (this.finished.hidden = true) }, "Stay here");
    this.finished.replaceChildren(el("div", {}, icon("check"), el("h3", {}, title), el("p", {}, text), el("div", { class: "decide" }, leave, stay)));
    leave.focus({ preventScroll: true });
    this.say(title);
  }

  askSkip() {
    if (this.readOnly || !this.item.can_skip) return;
    const reasons = this.item.workflow.skip_reasons;
    if (!reasons.length) this.go("skip");
    else this.openMenu("Why skip it?", reasons, (reason) => this.go("skip", { reason }));
  }

  askReturn() {
    this.openMenu("Why send it back?", this.item.workflow.return_reasons, (reason, text) => this.go("return", { reason, comment: text }), true);
  }

  // A small list: digits choose, Esc closes.
  openMenu(title, choices, chosen, remark = false) {
    const text = remark ? el("input", { type: "text", placeholder: "Say more (optional)", "aria-label": "Say more", maxlength: 4000 }) : null;
    text?.addEventListener("keydown", (e) => {
      e.stopPropagation();
      if (e.key === "Escape") this.closePopups();
    });
    const take = (choice) => {
      this.closePopups();
      chosen(choice, text?.value || "");
    };
    this.menuChoices = choices.map((c) => () => take(c));
    this.menu.setAttribute("aria-label", title);
    this.menu.replaceChildren(el("h3", {}, title), ...(text ? [text] : []), ...choices.map((c, i) =>
      el("button", { type: "button", class: "choice", onclick: () => take(c) }, el("span", { class: "label" }, c), i < 9 ? el("kbd", {}, String(i + 1)) : null)));
    this.menu.hidden = false;
    this.menu.querySelector(".choice")?.focus({ preventScroll: true });
  }

  closePopups() {
    const inside = !this.menu.hidden;
    this.menu.hidden = true;
    this.lightPanel.hidden = true;
    if (inside) this.stage.node.focus({ preventScroll: true });
  }

  togglePopup(panel) {
    panel.hidden = !panel.hidden;
  }

  toggleHelp(open = this.help.node.hidden) {
    if (open) this.help.body.replaceChildren(this.keyList());
    this.toggleSheet(this.help, open);
  }

  toggleGuide(open = this.guide.node.hidden) {
    if (!this.item.workflow.instructions) return;
    this.guide.body.replaceChildren(...paragraphs(this.item.workflow.instructions));
    this.toggleSheet(this.guide, open);
  }

  toggleSheet(sheet, open) {
    sheet.node.hidden = !open;
    (open ? sheet.close : this.stage.node).focus({ preventScroll: true });
  }

  keyList() {
    const rows = [
      ["1 … 9, ⇧1 … ⇧9", "class of the chosen and the next region"], ["/", "find a class by typing"],
      ["Drag", "draw; Shift starts inside another region"], ["Click, Tab", "choose a region, the next one"],
      ...TOOLS.filter(([name]) => this.offers(name)).map(([, label, key]) => [key.replace("shift+", "⇧").toUpperCase(), label]),
      ["Ins", "new region in the middle (no mouse needed)"], ["Arrows", "move by 1 pixel; Shift: by 10"],
      ["Alt+arrows", "resize by 1 pixel; Shift: by 10"], ["[ and ]", "turn by 1 degree ({ } by 15); size of the brush"],
      ["Enter, Backspace", "while drawing corners: close, take one back"], ["Alt+click", "delete a corner"], ["Del", "delete the region"],
      ["Ctrl+D", "duplicate"], ["Ctrl+C, Ctrl+V", "copy, paste (also on another image)"], ["R", "copy the labels of the item before"],
      ["A, X", "accept, reject what a model proposes"], ["⇧A", "accept everything proposed"], ["J", "join to another region"], ["T", "text of the region"],
      ["Ctrl+Z", "undo"], ["Ctrl+Shift+Z, Ctrl+Y", "redo"], ["Wheel, +, −", "zoom"], ["0, Z", "fit; zoom to the region"],
      ["Space+drag", "move the picture; middle button too"], ["N, P", "next, previous (also . , PgDn PgUp)"],
      ["Enter", "done, next"], ["S", "skip, with a reason"], ["F", "flag"], ["H, C", "hide regions; crosshair"], ...(this.item.copy ? [["Y", "the redacted copy, the original"]] : []), ["I", "instructions"],
      ["Esc", "stop, let go, close"],
    ];
    const list = el("dl", {});
    for (const [keys, what] of rows) list.append(el("dt", {}, keys), el("dd", {}, what));
    return list;
  }

  // -- time ----------------------------------------------------------------------------------------------------------

  work() {
    const now = Date.now();
    if (now - this.clock.last < IDLE_MS) this.clock.active += now - this.clock.last;
    this.clock.last = now;
  }

  takeTime() {
    const seconds = this.clock.active / 1000;
    this.clock.active = 0;
    return Math.round(seconds * 1000) / 1000;
  }

  // -- tools ---------------------------------------------------------------------------------------------------------

  offers(tool) {
    if (this.stage !== this.picture) return false;
    const { shapes } = this.item.workflow;
    const needs = TOOLS.find(([name]) => name === tool)[3];
    if (needs === null) return shapes.length > 0;
    if (needs === "area") return !!this.item.assists && (shapes.includes("mask") || shapes.includes("polygon"));
    if (tool === "scissors") return !!this.item.assists && shapes.includes("polygon");
    return shapes.includes(needs);
  }

  // Keep the tool where the next item allows it.
  choose() {
    this.stage = this.item.kind === "image" ? this.picture : this.words;
    if (this.tool === "select" || this.offers(this.tool)) return;
    this.tool = TOOLS.map(([name]) => name).find((name) => name !== "select" && this.offers(name)) ?? "select";
  }

  setTool(name) {
    if (!this.offers(name)) return;
    this.picture.cancel();
    this.tool = name;
    this.draw();
    this.say(TOOLS.find(([tool]) => tool === name)[1]);
  }

  drawTools() {
    const offered = this.readOnly ? [] : TOOLS.filter(([name]) => this.offers(name));
    this.toolbox.hidden = offered.length < 3; // one shape: nothing to choose
    this.toolbox.replaceChildren(...offered.map(([name, label, key]) =>
      iconButton(name, label, key.replace("shift+", "Shift+").toUpperCase().replace("SHIFT", "Shift"), () => this.setTool(name), { "data-tool": name, "aria-pressed": "false" })));
  }

  // -- keys ----------------------------------------------------------------------------------------------------------

  keydown(e) {
    e.stopPropagation(); // Streamlit's own keys (c, r) must not fire from here
    const onButton = e.target.closest?.("button, select, input") != null;
    if (onButton && (e.key === "Enter" || e.key === " ")) return;
    if (e.target.closest?.("select, input")) return;
    const sheet = [this.help, this.guide].find((s) => !s.node.hidden);
    if (sheet) {
      if (["Escape", "?", "Enter"].includes(e.key) || (sheet === this.guide && e.key === "i")) this.toggleSheet(sheet, false);
      if (e.key === "Tab") sheet.close.focus();
      e.preventDefault();
      return;
    }
    if (!this.menu.hidden) {
      const choice = this.menuChoices[Number(e.key) - 1];
      if (choice) choice();
      else if (e.key === "Escape") this.closePopups();
      if (e.key !== "Tab") e.preventDefault();
      return;
    }
    if (this.item && this.handleKey(e)) e.preventDefault();
  }

  // Returns whether the key was ours.
  handleKey(e) {
    const region = this.region();
    const key = e.key.length === 1 ? e.key.toLowerCase() : e.key;
    if (e.ctrlKey || e.metaKey) {
      if (key === "z") return e.shiftKey ? this.redo() : this.undo(), true;
      if (key === "y") return this.redo(), true;
      if (key === "d") return this.duplicate(region), true;
      if (key === "c" && region && region.shape !== "span") return (this.clipboard = { ...region }), this.say("Copied"), true;
      if (key === "v" && this.clipboard) return this.paste(), true;
      if (key === "Enter") return this.go("done"), true;
      return false;
    }
    if (this.stage.key(e, key)) return true;
    if (e.altKey) return false;
    if (key === "Tab") return this.tab(e.shiftKey ? -1 : 1, e);
    const digit = /^Digit([1-9])$/.exec(e.code)?.[1];
    const pressed = digit ? (e.shiftKey ? `shift+${digit}` : digit) : key;
    const named = (list) => list.find((c) => c.hotkey && c.hotkey.toLowerCase() === pressed);
    const choice = this.choiceKeys ? named(this.item.image_classes) : null;
    const byKey = choice || named(this.item.classes);
    if (byKey && (digit || !KEYS[key])) {
      if (!e.repeat && !this.readOnly) choice ? this.toggleImageClass(choice.name) : this.setClass(byKey.name);
      return true;
    }
    const tool = TOOLS.find(([name, , k]) => k === (e.shiftKey ? `shift+${key}` : key) && this.offers(name));
    if (tool && !this.readOnly) return this.setTool(tool[0]), true;
    const action = KEYS[key];
    if (!action) return false;
    if (!e.repeat || ["Delete", "Backspace"].includes(key)) action(this, e);
    return true;
  }

  // Digits choose answers for the whole item where there are no regions to name.
  get choiceKeys() {
    return !this.item.workflow.shapes.length || !this.item.classes.length;
  }

  // Tab goes from region to region on the stage; after the last one it leaves, so that nobody is caught here.
  tab(by, e) {
    if (e.target !== this.stage.node || this.stage.hidden) return false;
    const regions = this.shown();
    const here = regions.findIndex((r) => r.id === this.selected);
    const next = here === -1 ? (by > 0 ? 0 : regions.length - 1) : here + by;
    if (next < 0 || next >= regions.length) {
      this.select(null);
      return false;
    }
    this.select(regions[next].id, true);
    return true;
  }

  escape() {
    if (!this.lightPanel.hidden) this.closePopups();
    else if (this.joining) this.stopJoining("Not joined");
    else if (this.picture.drag) this.stage.cancel();
    else this.select(null);
  }

  // -- drawing -------------------------------------------------------------------------------------------------------

  draw() {
    if (!this.document || !this.item) return;
    this.stage.draw();
    this.panels.draw();
    this.undoButton.disabled = !this.document.undo.length;
    this.redoButton.disabled = !this.document.redo.length;
    this.hideButton.setAttribute("aria-pressed", this.picture.hidden);
    this.crossButton.setAttribute("aria-pressed", this.picture.crosshair);
    this.flagButton.setAttribute("aria-pressed", !!this.item.flagged);
    this.copyButton.setAttribute("aria-pressed", !!this.copyShown);
    for (const button of this.toolbox.children) button.setAttribute("aria-pressed", String(button.dataset.tool === this.tool));
    this.root.dataset.tool = this.tool;
    this.hint.textContent = this.hintText();
    this.showSaved();
  }

  hintText() {
    const { item } = this;
    if (this.readOnly) return "Read only";
    if (this.joining) return "Click the region to join it to; Esc stops";
    if (this.picture.draft) return "Click the next corner; Enter or a double click closes, Backspace takes one back";
    const [open] = this.openProposals();
    if (open && item.workflow.shapes.length) return "A accepts, X rejects the proposal; change it and it is yours";
    if (!item.workflow.shapes.length) return item.image_classes.length ? "Digits choose, Enter goes on" : "Write the answer, Ctrl+Enter goes on";
    if (!item.classes.length) return "This collection has no classes yet: add one under Classes on this page.";
    if (item.kind === "text") return `Mark words with the mouse, or with arrows and Shift; they become “${this.active}”`;
    if (this.region()) return "Drag to move, handles to resize, digits change the class, Del deletes";
    const words = {
      select: "Click a region to choose it", polygon: `Click corners of “${this.active}”`, polyline: `Click points of “${this.active}”`, point: `Click to set “${this.active}”`,
      mask: `Paint “${this.active}”; [ and ] change the brush, right button erases`, erase: "Choose a brush mask, then paint to erase", grab: `Drag around a “${this.active}”`,
      wand: `Click into the area of “${this.active}”`, scissors: `Click along the edge of “${this.active}”`,
    };
    return words[this.tool] || `Drag on the image to draw “${this.active}”`;
  }

  showZoom(k) {
    this.percent.textContent = `${Math.round(k * 100)} %`;
  }

  showCoords(p, region = this.item && this.region()) {
    if (!p) {
      this.coords.textContent = "";
      return;
    }
    const b = region && region.shape !== "span" ? bounds(region) : null;
    const size = b ? `   ${tidy(clamp(b.w, 0, 1e9))} × ${tidy(b.h)}${region.rotation ? ` ${tidy(region.rotation)}°` : ""}` : "";
    const on = p[0] >= 0 && p[1] >= 0 && p[0] <= this.item.width && p[1] <= this.item.height;
    this.coords.textContent = (on ? `${tidy(p[0])}, ${tidy(p[1])}` : "") + size;
  }

  showSaved() {
    if (!this.item) return;
    let [state, text] = this.outbox.state;
    if (this.readOnly) text = "";
    else if (state === "saved" && !this.document.own) [state, text] = this.openProposals().length ? ["proposed", "Proposed"] : ["", ""];
    if (this.saveState.textContent !== text) this.saveState.textContent = text;
    this.saveState.dataset.state = state;
    this.saveState.title = text;
  }

  drawStrip() {
    const items = this.item.strip || [];
    this.strip.hidden = items.length < 2;
    this.strip.replaceChildren(...items.map((item) =>
      el("button", {
        type: "button", class: "thumb", "aria-current": item.id === this.item.id ? "true" : null, "data-status": item.status,
        title: `${item.name} (${STATUS_WORDS[item.status] || item.status})`, "aria-label": `${item.name}, ${STATUS_WORDS[item.status] || item.status}`,
        onclick: () => this.go(item.id),
      }, item.thumb ? el("img", { src: item.thumb, alt: "", loading: "lazy" }) : el("span", { class: "blank" }, item.thumb === undefined ? "" : String(item.place ?? "")))));
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

  say(text) {
    this.live.textContent = text;
  }
}

// Keys that mean the same on every stage. Tools and classes come first.
const KEYS = {
  Delete: (v) => v.remove(), Backspace: (v) => v.remove(), Escape: (v) => v.escape(), Enter: (v) => v.go("done"),
  n: (v, e) => (e.shiftKey ? v.follow() : v.go("next")), ".": (v) => v.go("next"), PageDown: (v) => v.go("next"),
  p: (v) => v.go("previous"), ",": (v) => v.go("previous"), PageUp: (v) => v.go("previous"),
  y: (v) => v.toggleCopy(), s: (v) => v.askSkip(), f: (v) => v.toggleFlag(), r: (v) => !v.readOnly && v.copyPrevious(), j: (v) => v.startJoining(), t: (v) => v.panels.focusText(),
  a: (v, e) => !v.readOnly && (e.shiftKey ? v.acceptAll() : v.accept()), x: (v) => !v.readOnly && v.reject(),
  i: (v, e) => (e.shiftKey ? v.interpolate() : v.toggleGuide()), "/": (v) => v.panels.openSearch(), "?": (v) => v.toggleHelp(true),
};

// Equal documents as equal text: the server writes keys in its own order and leaves empty values out.
const plain = (d) => JSON.stringify([d.regions || [], d.classes || [], d.fields || {}, d.relations || []], (key, value) =>
  (value && typeof value === "object" && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value));
const isEmpty = (d) => !d.regions.length && !d.classes.length && !Object.keys(d.fields || {}).length;

// Instructions are text: blank lines part paragraphs, "# " heads, "- " lists. Nothing in them is read as HTML.
function paragraphs(text) {
  return text.split(/\n\s*\n/).flatMap((block) => {
    const lines = block.split("\n").filter((line) => line.trim());
    if (lines.every((line) => /^\s*[-*] /.test(line))) return [el("ul", {}, ...lines.map((line) => el("li", {}, line.replace(/^\s*[-*] /, ""))))];
    if (/^#+ /.test(lines[0] || "")) return [el("h4", {}, lines[0].replace(/^#+ /, "")), ...(lines.length > 1 ? [el("p", {}, lines.slice(1).join(" "))] : [])];
    return lines.length ? [el("p", {}, lines.join(" "))] : [];
  });
}
