// Items that are not pictures: a text whose words can be marked, a row of a table, two texts side by side.

import { el, inkOn } from "./dom.js";

const WORDS = /[\p{L}\p{N}\p{M}_'’-]+|[^\s\p{L}\p{N}\p{M}_]/gu;

export class WordStage {
  constructor(editor) {
    this.editor = editor;
    this.hidden = false;
    this.sheet = el("div", { class: "words" });
    this.node = el("div", {
      class: "stage reading", tabindex: "0", role: "application",
      "aria-label": "Text: mark words. Arrow keys move from word to word, Shift marks more, a digit gives the class.",
    }, this.sheet);
    this.node.addEventListener("pointerup", () => this.marked());
    this.cursor = null; // [first word, last word] chosen by keys
  }

  destroy() {}

  show(item) {
    this.editor.root.dataset.state = "ready";
    this.cursor = null;
    this.text = [...(item.data.text ?? "")]; // characters, as Python counts them: not UTF-16 halves
    this.words = this.editor.item.kind === "text" ? this.split() : [];
    this.drawn = null;
    this.draw();
    this.node.scrollTop = 0;
  }

  split() {
    const joined = this.text.join("");
    const units = new Map(); // place in UTF-16 -> place in characters
    let unit = 0;
    this.text.forEach((c, i) => {
      units.set(unit, i);
      unit += c.length;
    });
    units.set(unit, this.text.length);
    return [...joined.matchAll(WORDS)].map((m) => [units.get(m.index), units.get(m.index + m[0].length)]);
  }

  cancel() {
    this.cursor = null;
    this.draw();
  }

  setLight() {}

  fit() {}

  lookAt(region) {
    this.sheet.querySelector(`[data-id="${CSS.escape(region.id)}"]`)?.scrollIntoView({ block: "nearest" });
  }

  draw() {
    const { item } = this.editor;
    if (item.kind === "row") return this.drawRow(item.data.row);
    if (item.kind === "pair") return this.drawPair(item.data);
    const spans = this.hidden ? [] : this.editor.shown().filter((r) => r.shape === "span");
    const chosen = this.cursor && [this.words[this.cursor[0]][0], this.words[this.cursor[1]][1]];
    const sign = JSON.stringify([spans.map((s) => [s.id, s.start, s.end, s.label]), this.editor.selected, chosen, item.key, this.editor.item.classes]);
    if (sign === this.drawn) return undefined;
    this.drawn = sign;
    const cuts = new Set([0, this.text.length]);
    for (const s of [...spans, ...(chosen ? [{ start: chosen[0], end: chosen[1] }] : [])]) {
      cuts.add(Math.min(s.start, this.text.length));
      cuts.add(Math.min(s.end, this.text.length));
    }
    const places = [...cuts].sort((a, b) => a - b);
    const nodes = [];
    for (let i = 0; i + 1 < places.length; i += 1) {
      const [from, to] = [places[i], places[i + 1]];
      const over = spans.filter((s) => s.start <= from && s.end >= to).sort((a, b) => a.end - a.start - (b.end - b.start));
      const piece = el("span", { class: "piece", "data-from": from });
      piece.textContent = this.text.slice(from, to).join("");
      if (chosen && from >= chosen[0] && to <= chosen[1]) piece.classList.add("chosen");
      if (over.length) {
        const color = this.editor.color(over[0].label);
        piece.classList.add("span");
        piece.dataset.id = over[0].id;
        piece.style.background = `color-mix(in srgb, ${color} 26%, transparent)`;
        piece.style.boxShadow = over.map((s, n) => `0 ${2 + 3 * n}px 0 ${this.editor.color(s.label)}`).join(",");
        piece.style.marginBottom = `${3 * over.length}px`;
        piece.classList.toggle("selected", over.some((s) => s.id === this.editor.selected));
        piece.classList.toggle("proposed", this.editor.isProposal(over[0]));
        piece.title = over.map((s) => s.label).join(", ");
      }
      nodes.push(piece);
      for (const s of over.filter((o) => o.end === to)) {
        const name = el("span", { class: "spanname", "data-id": s.id }, s.label);
        name.style.background = this.editor.color(s.label);
        name.style.color = inkOn(this.editor.color(s.label));
        nodes.push(name);
      }
    }
    this.sheet.className = "words";
    this.sheet.replaceChildren(...nodes);
    return undefined;
  }

  drawRow(row) {
    this.sheet.className = "words record";
    this.sheet.replaceChildren(el("dl", {}, ...Object.entries(row).flatMap(([name, value]) => [
      el("dt", {}, name), el("dd", { class: value === null ? "missing" : "" }, value === null ? "missing" : String(value)),
    ])));
  }

  drawPair({ left, right }) {
    this.sheet.className = "words pair";
    this.sheet.replaceChildren(el("section", {}, el("h4", {}, "Left"), el("p", {}, left)), el("section", {}, el("h4", {}, "Right"), el("p", {}, right)));
  }

  // The place in characters of a point of the browser's selection.
  place(node, offset) {
    const piece = (node.nodeType === Node.TEXT_NODE ? node.parentElement : node)?.closest?.(".piece");
    if (!piece) return null;
    return Number(piece.dataset.from) + [...piece.textContent.slice(0, node.nodeType === Node.TEXT_NODE ? offset : 0)].length;
  }

  marked() {
    if (this.editor.item.kind !== "text" || this.editor.readOnly) return;
    const root = this.node.getRootNode();
    const selection = root.getSelection?.() ?? document.getSelection();
    let range = selection?.getComposedRanges?.({ shadowRoots: [root] })[0] ?? (selection?.rangeCount ? selection.getRangeAt(0) : null);
    if (!range) return;
    const [a, b] = [this.place(range.startContainer, range.startOffset), this.place(range.endContainer, range.endOffset)];
    if (a === null || b === null || a === b) {
      const id = range.startContainer.parentElement?.closest?.("[data-id]")?.dataset.id;
      this.editor.select(id ?? null);
      this.node.focus({ preventScroll: true });
      return;
    }
    selection.removeAllRanges?.();
    this.add(Math.min(a, b), Math.max(a, b));
    this.node.focus({ preventScroll: true });
  }

  // A span never begins or ends with blanks that a hand took along.
  add(start, end) {
    while (start < end && /\s/u.test(this.text[start])) start += 1;
    while (end > start && /\s/u.test(this.text[end - 1])) end -= 1;
    if (start === end) return;
    const text = this.text.slice(start, end).join("");
    if (this.editor.allows("span")) this.editor.add({ shape: "span", start, end, text });
  }

  key(e, key) {
    const { editor } = this;
    if (editor.item.kind !== "text") return false;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
    if (by && this.words.length) {
      const last = this.words.length - 1;
      if (!this.cursor) this.cursor = by > 0 ? [0, 0] : [last, last];
      else if (e.shiftKey) this.cursor = [this.cursor[0], Math.min(last, Math.max(this.cursor[0], this.cursor[1] + by))];
      else {
        const next = Math.min(last, Math.max(0, (by > 0 ? this.cursor[1] : this.cursor[0]) + by));
        this.cursor = [next, next];
      }
      editor.selected = null;
      this.draw();
      this.sheet.querySelector(".chosen")?.scrollIntoView({ block: "nearest" });
      editor.say(this.text.slice(this.words[this.cursor[0]][0], this.words[this.cursor[1]][1]).join(""));
      return true;
    }
    if (this.cursor && (key === "Enter" || key === "Insert")) return this.take(), true;
    if (this.cursor && key === "Escape") return this.cancel(), true;
    if (key === "h") {
      this.hidden = !this.hidden;
      editor.draw();
      return true;
    }
    return false;
  }

  // Make the words chosen by keys a span; returns whether there were any.
  take() {
    if (!this.cursor) return false;
    const [from, to] = this.cursor;
    this.cursor = null;
    this.add(this.words[from][0], this.words[to][1]);
    return true;
  }
}
