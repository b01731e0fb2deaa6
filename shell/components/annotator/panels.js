// The column beside the stage: classes, what is said of the whole item and of the chosen region, the list, comments.

import { el, icon, reconcile } from "./dom.js";
import { sizeOf } from "./geometry.js";

export class Panels {
  constructor(editor) {
    this.editor = editor;
    this.filter = "";
    this.search = el("input", { type: "search", class: "find", placeholder: "Find a class ( / )", "aria-label": "Find a class", hidden: true });
    this.search.addEventListener("input", () => this.find());
    this.search.addEventListener("keydown", (e) => this.searchKey(e));
    this.classes = el("div", { class: "classes" });
    this.classSection = el("section", { class: "keep" }, el("h3", {}, "Classes"), this.search, this.classes);
    this.chips = el("div", { class: "chips" });
    this.chipTitle = el("h3", {}, "Whole image");
    this.chipSection = el("section", {}, this.chipTitle, this.chips);
    this.fields = el("div", { class: "fields" });
    this.fieldSection = el("section", {}, el("h3", {}, "Answers"), this.fields);
    this.details = el("div", { class: "fields" });
    this.detailTitle = el("h3", {}, "This region");
    this.detailSection = el("section", { class: "details" }, this.detailTitle, this.details);
    this.count = el("span", { class: "count" });
    this.stream = el("div", { class: "stream" });
    this.list = el("div", { class: "boxes", role: "list", "aria-label": "Regions" });
    this.listTitle = el("h3", {}, "Regions", this.count);
    this.listSection = el("section", { class: "fill" }, this.listTitle, this.stream, this.list);
    this.comments = el("div", { class: "comments" });
    this.remark = el("input", { type: "text", class: "remark", placeholder: "Write a comment", "aria-label": "Write a comment", maxlength: 4000 });
    this.remark.addEventListener("keydown", (e) => {
      e.stopPropagation();
      if (e.key === "Enter" && this.remark.value.trim()) this.editor.comment(this.remark.value.trim()).then((done) => done && (this.remark.value = ""));
    });
    this.commentSection = el("section", {}, el("h3", {}, "Comments"), this.comments, this.remark);
    this.copyImage = el("img", { alt: "The redacted copy", title: "Show it large (Y)" });
    this.copyImage.addEventListener("click", () => this.editor.toggleCopy());
    this.copySection = el("section", { class: "copy keep", hidden: true }, el("h3", {}, "Copy"), this.copyImage);
    this.node = el("aside", { class: "side", "aria-label": "Classes and regions" },
      this.copySection, this.classSection, this.detailSection, this.chipSection, this.fieldSection, this.listSection, this.commentSection);
  }

  // The redacted copy beside the original, made anew with every change.
  drawCopy(address) {
    this.copySection.hidden = !address;
    if (address) this.copyImage.src = address;
    else this.copyImage.removeAttribute("src");
  }

  draw() {
    this.drawClasses();
    this.drawChips();
    this.drawFields();
    this.drawDetails();
    this.drawList();
    this.drawComments();
  }

  // -- classes -------------------------------------------------------------------------------------------------------

  drawClasses() {
    const { editor } = this;
    const { item } = editor;
    this.classSection.hidden = !item.workflow.shapes.length;
    this.search.hidden = item.classes.length < 10 && !this.filter;
    const counts = new Map();
    for (const r of editor.document.regions) counts.set(r.label, (counts.get(r.label) || 0) + 1);
    const current = editor.region()?.label ?? editor.active;
    const wanted = item.classes.filter((c) => c.name.toLowerCase().includes(this.filter)).slice(0, 300);
    if (!item.classes.length) return this.classes.replaceChildren(el("p", { class: "muted", "data-row": "-" }, "No classes yet."));
    return reconcile(this.classes, wanted.map((c) => {
      const count = counts.get(c.name) || "";
      return {
        id: c.name, sign: [c.color, c.hotkey, count, c.name === current, editor.readOnly].join(),
        make: () => {
          const swatch = el("span", { class: "swatch" });
          swatch.style.background = c.color;
          const label = c.hotkey ? `${c.name}, key ${c.hotkey}` : c.name;
          const button = el("button", {
            type: "button", class: "class", "aria-pressed": String(c.name === current), "aria-label": label, title: c.help || label, "data-name": c.name,
            disabled: editor.readOnly, onclick: () => editor.setClass(c.name),
          }, swatch, el("span", { class: "label" }, c.name), el("span", { class: "count" }, String(count)));
          if (c.hotkey) button.append(el("kbd", {}, c.hotkey.replace("shift+", "⇧")));
          return button;
        },
      };
    }));
  }

  openSearch() {
    this.search.hidden = false;
    this.search.focus({ preventScroll: true });
    this.search.select();
  }

  find() {
    this.filter = this.search.value.trim().toLowerCase();
    this.drawClasses();
  }

  searchKey(e) {
    e.stopPropagation();
    if (e.key === "Escape" || e.key === "Enter") {
      const first = this.classes.querySelector(".class")?.dataset.name;
      if (e.key === "Enter" && first) this.editor.setClass(first);
      this.search.value = this.filter = "";
      this.editor.stage.node.focus({ preventScroll: true });
      this.drawClasses();
      e.preventDefault();
    }
  }

  // -- the whole item ------------------------------------------------------------------------------------------------

  drawChips() {
    const { editor } = this;
    const { item } = editor;
    this.chipSection.hidden = !item.image_classes.length;
    this.chipTitle.textContent = item.question || (item.kind === "image" ? "Whole image" : "Choose");
    const proposed = new Set(editor.proposedClasses());
    reconcile(this.chips, item.image_classes.map((c) => {
      const on = editor.document.classes.includes(c.name);
      return {
        id: c.name, sign: [on, proposed.has(c.name), c.hotkey, editor.readOnly].join(),
        make: () => el("button", {
          type: "button", class: proposed.has(c.name) && !on ? "chip maybe" : "chip", "aria-pressed": String(on), "data-name": c.name,
          disabled: editor.readOnly, onclick: () => editor.toggleImageClass(c.name),
          title: proposed.has(c.name) && !on ? "Proposed by a model" : null,
        }, c.name, editor.choiceKeys && c.hotkey ? el("kbd", {}, c.hotkey.replace("shift+", "⇧")) : null),
      };
    }));
  }

  drawFields() {
    const { editor } = this;
    const { fields } = editor.item.workflow;
    this.fieldSection.hidden = !fields.length;
    reconcile(this.fields, fields.map((f) => this.inputRow(f, f.name, editor.document.fields?.[f.name], (value) => editor.setField(f.name, value))));
  }

  // A row for `reconcile`. What is typed stays in its input: a new node would lose the place of the caret.
  inputRow(f, id, value, set) {
    const typed = f.kind === "text" || f.kind === "number" || !f.kind;
    const sign = JSON.stringify([f, this.editor.item.key, this.editor.readOnly, typed ? null : value ?? null]);
    const update = (node) => {
      const control = node.querySelector("textarea, input");
      if (typed && control !== this.typing && control.value !== String(value ?? "")) control.value = value ?? "";
    };
    return { id, sign, update, make: () => this.input(f, value, id, set) };
  }

  // One labelled input for a text, number, rating, yes or no, or choice; `set(value)` gets null when it is emptied.
  input(f, value, name, set) {
    const id = `in-${name}`;
    const disabled = this.editor.readOnly;
    let control;
    if (f.kind === "choice") {
      control = el("select", { id, disabled, onchange: () => set(control.value || null) }, el("option", { value: "" }, "–"),
        ...f.values.map((v) => el("option", { value: v, selected: v === value }, v)));
    } else if (f.kind === "yes_no") {
      control = el("input", { id, type: "checkbox", disabled, checked: value === true, onchange: () => set(control.checked) });
    } else if (f.kind === "rating") {
      const most = f.most || 5;
      control = el("div", { class: "stars", role: "radiogroup", "aria-label": f.name }, ...[...Array(most).keys()].map((n) =>
        el("button", { type: "button", class: "star", role: "radio", "aria-checked": String(value === n + 1), "aria-label": `${n + 1} of ${most}`, disabled,
          onclick: () => set(value === n + 1 ? null : n + 1) }, value >= n + 1 ? "★" : "☆")));
    } else {
      control = f.kind === "number"
        ? el("input", { id, type: "number", step: "any", disabled, value: value ?? "" })
        : el("textarea", { id, rows: f.rows || 2, disabled, maxlength: 100000 });
      if (f.kind !== "number") control.value = value ?? "";
      control.addEventListener("focus", () => (this.typing = control));
      control.addEventListener("blur", () => (this.typing = null));
      control.addEventListener("input", () => {
        const number = control.value === "" ? null : Number(control.value);
        set(f.kind === "number" ? (Number.isFinite(number) ? number : null) : control.value || null);
      });
      control.addEventListener("keydown", (e) => this.typed(e));
    }
    return el("label", { class: "field" }, el("span", {}, f.label || f.name, f.required ? el("em", {}, " needed") : null), control);
  }

  // Keys belong to the text, but Ctrl+Enter still means done, and Esc gives the keyboard back to the picture.
  typed(e) {
    e.stopPropagation();
    if (e.key === "Escape") this.editor.stage.node.focus({ preventScroll: true });
    if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
      e.preventDefault();
      this.editor.go("done");
    }
  }

  // -- the chosen region ---------------------------------------------------------------------------------------------

  drawDetails() {
    const { editor } = this;
    const region = editor.region();
    const { workflow, clip } = editor.item;
    const attributes = region ? workflow.attributes.filter((a) => !a.labels?.length || a.labels.includes(region.label)) : [];
    const text = region && (workflow.region_text || (region.text && region.shape !== "span"));
    const rows = [];
    if (region) {
      if (text) {
        const set = (value) => editor.replace(region.id, { text: value || undefined }, `text ${region.id}`);
        rows.push(this.inputRow({ name: "Text", kind: "text" }, `${region.id}/text`, region.text, set));
      }
      for (const a of attributes) {
        const f = { kind: a.values?.length ? "choice" : a.kind || "text", ...a };
        rows.push(this.inputRow(f, `${region.id}/${a.name}`, region.attributes?.[a.name], (value) => editor.setAttribute(region.id, a.name, value)));
      }
      const relations = (editor.document.relations || []).filter((r) => r.from === region.id || r.to === region.id);
      for (const r of relations) {
        const other = editor.region(r.from === region.id ? r.to : r.from);
        rows.push({
          id: `${r.from}→${r.to}`, sign: JSON.stringify([r, other?.label]),
          make: () => {
            const names = workflow.relations;
            const choose = names.length ? el("select", { "aria-label": "Kind of relation", onchange: () => editor.nameRelation(r, choose.value) },
              ...names.map((n) => el("option", { value: n, selected: n === r.label }, n))) : null;
            return el("div", { class: "relates" }, el("span", {}, `${r.from === region.id ? "→" : "←"} ${other?.label ?? "?"}`), choose,
              el("button", { type: "button", class: "drop", "aria-label": "Delete this relation", onclick: () => editor.dropRelation(r) }, icon("trash")));
          },
        });
      }
      if (clip && !editor.readOnly) {
        rows.push({
          id: `${region.id}/track`, sign: JSON.stringify([region.track, clip.next]),
          make: () => el("div", { class: "tracking" },
            el("button", { type: "button", class: "text", title: "Look for this object in the next frame (Shift+N)", disabled: !clip.next, onclick: () => editor.follow() }, "Follow to the next frame"),
            el("button", { type: "button", class: "text", title: "Fill the frames between this one and the one before in which a person placed it (Shift+I)", disabled: !region.track, onclick: () => editor.interpolate() }, "Fill frames in between")),
        });
      }
    }
    this.detailSection.hidden = !rows.length;
    reconcile(this.details, rows);
  }

  focusText() {
    this.details.querySelector("textarea, input, select")?.focus({ preventScroll: true });
  }

  // -- the list ------------------------------------------------------------------------------------------------------

  drawList() {
    const { editor } = this;
    const shown = editor.shown();
    const open = editor.openProposals();
    this.listSection.hidden = !editor.item.workflow.shapes.length && !shown.length;
    this.count.textContent = shown.length ? String(shown.length) : "";
    this.drawStream(open);
    if (!shown.length) return this.list.replaceChildren(el("p", { class: "muted", "data-row": "-" }, "None yet."));
    reconcile(this.list, shown.map((r, i) => {
      const size = sizeOf(r);
      const on = r.id === editor.selected;
      const maybe = editor.isProposal(r);
      return {
        id: r.id, sign: [i, r.label, size, on, maybe, r.text, editor.color(r.label), r.track].join("|"),
        make: () => {
          const swatch = el("span", { class: maybe ? "swatch maybe" : "swatch" });
          swatch.style.background = editor.color(r.label);
          const said = r.text && r.shape !== "box" ? `${r.label}: ${r.text}` : r.label;
          const row = el("div", { class: "row", role: "listitem" },
            el("button", {
              type: "button", class: "pick", "aria-pressed": String(on), "data-name": r.id,
              "aria-label": `${maybe ? "Proposed " : ""}${r.shape} ${i + 1}, ${r.label}, ${size}`, onclick: () => editor.select(r.id, true),
            }, swatch, el("span", { class: "label" }, said), el("span", { class: "size" }, size)));
          if (!editor.readOnly) {
            row.append(el("button", { type: "button", class: "drop", "aria-label": `Delete region ${i + 1}`, title: "Delete (Del)", onclick: () => editor.remove(r.id) }, icon("trash")));
          }
          return row;
        },
      };
    }));
    if (editor.selected && this.scrolledTo !== editor.selected) {
      this.scrolledTo = editor.selected;
      editor.scrollTo(this.list, this.list.querySelector('[aria-pressed="true"]'), "top");
    }
    return undefined;
  }

  // Proposals of a model: one decision after the other, the most doubtful first.
  drawStream(open) {
    this.stream.hidden = !open.length || this.editor.readOnly || !this.editor.item.workflow.shapes.length;
    reconcile(this.stream, open.length ? [{
      id: "stream", sign: String(open.length),
      make: () => el("div", {},
        el("p", { class: "muted" }, `${open.length} proposed by a model`),
        el("div", { class: "decide" },
          el("button", { type: "button", class: "text", title: "Accept it (A)", onclick: () => this.editor.accept() }, "Accept"),
          el("button", { type: "button", class: "text", title: "Reject it (X)", onclick: () => this.editor.reject() }, "Reject"),
          el("button", { type: "button", class: "text", title: "Accept all (Shift+A)", onclick: () => this.editor.acceptAll() }, "Accept all"))),
    }] : []);
  }

  drawComments() {
    const { item } = this.editor;
    this.commentSection.hidden = item.mode === "redaction";
    reconcile(this.comments, (item.comments || []).map((c) => ({
      id: String(c.id), sign: JSON.stringify(c),
      make: () => el("p", { class: "said" }, el("b", {}, c.by), " ", c.text),
    })));
  }
}
