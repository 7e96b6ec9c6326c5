/** Marking a whole hall: marks are gathered on the page, by keys or buttons, and saved together. */

import { renewTokens } from "../../form-token.js";
import { cloneTemplate, setText } from "./dom.js";

const SIGNED_OUT = new Set([401, 403]); // or a token from before the sign-in

/** What the register showed, as the server compares it. */
function shownCode(row) {
  return row.label || row.mark;
}

function nonce() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Marking extends EventTarget {
  /**
   * `entries`: Map of student → {row, element}, kept by the board. Fires "saved" when the register
   * has changed, so that the board can ask for it.
   */
  constructor({ root, bar, entries }) {
    super();
    this.root = root;
    this.bar = bar;
    this.entries = entries;
    this.staged = new Map(); // student → {status, was}
    this.nonce = nonce();
    this.form = bar.querySelector("form");
    this.answer = bar.querySelector("[data-answer]");
    this.toggle = root.querySelector("[data-marking]");
    this.keys = new Map(
      [...document.getElementById("board-row").content.querySelectorAll("[data-stage]")].map(
        (button) => [button.dataset.key.toLocaleLowerCase(), button.dataset.stage],
      ),
    );
    this.toggle.addEventListener("click", () => this.show(this.bar.hidden));
    root.addEventListener("click", (event) => this.onClick(event));
    root.addEventListener("keydown", (event) => this.onKey(event));
    this.form.addEventListener("submit", (event) => this.onSubmit(event));
    bar.querySelector("[data-rest]").addEventListener("click", () => this.stageRest());
    bar.querySelector("[data-discard]").addEventListener("click", () => this.discard());
    bar.addEventListener("click", (event) => {
      if (event.target.closest("[data-undo]")) this.undo(event.target.closest("[data-undo]"));
    });
    window.addEventListener("beforeunload", (event) => {
      if (this.staged.size) event.preventDefault();
    });
    // What takes the focus is scrolled clear of the bar, however high it is.
    new ResizeObserver(() => this.makeRoom()).observe(bar);
    if (bar.dataset.mode === "take") this.show(true);
  }

  show(on) {
    this.bar.hidden = !on;
    this.makeRoom();
    this.root.classList.toggle("is-marking", on);
    this.toggle.setAttribute("aria-pressed", String(on));
    for (const { element } of this.entries.values()) this.prepare(element);
    if (on) this.rows()[0]?.focus({ preventScroll: true });
  }

  makeRoom() {
    const over = this.bar.hidden || this.bar.dataset.mode === "take" ? 0 : this.bar.offsetHeight;
    document.documentElement.style.setProperty("--marking-bar", `${over}px`);
  }

  /** Rows take the keyboard's focus while marking. Called for new rows, too. */
  prepare(element) {
    if (this.bar.hidden) element.removeAttribute("tabindex");
    else if (!element.hasAttribute("tabindex")) element.tabIndex = -1;
    this.paint(Number(element.dataset.student));
    const first = this.rows()[0];
    if (!this.bar.hidden && first && !this.root.querySelector('[data-student][tabindex="0"]')) {
      first.tabIndex = 0;
    }
  }

  rows() {
    return [...this.root.querySelectorAll("[data-student]")].filter((row) => !row.hidden);
  }

  focus(element) {
    for (const row of this.root.querySelectorAll('[data-student][tabindex="0"]')) row.tabIndex = -1;
    element.tabIndex = 0;
    element.focus();
    element.scrollIntoView({ block: "nearest" });
  }

  stage(student, status) {
    const { row } = this.entries.get(student);
    if (status === row.status && !row.label) this.staged.delete(student);
    else this.staged.set(student, { status, was: shownCode(row) });
    this.changed(student);
  }

  stageRest() {
    for (const [student, { row }] of this.entries) {
      if (row.status === "unmarked" && !this.staged.has(student)) this.stage(student, "present");
    }
  }

  discard() {
    const students = [...this.staged.keys()];
    this.staged.clear();
    for (const student of students) this.changed(student);
  }

  changed(student) {
    this.nonce = nonce(); // other marks are another request
    this.paint(student);
    const count = this.staged.size;
    setText(this.bar.querySelector("[data-staged]"), String(count));
    const reason = this.form.elements.reason;
    if (reason) {
      // Only who changes a mark has to say why.
      reason.required = [...this.staged.values()].some((mark) => mark.was);
      reason.hidden = !reason.required;
    }
    for (const button of this.bar.querySelectorAll("[data-needs-marks]")) {
      button.disabled = count === 0 && this.bar.dataset.mode !== "take";
    }
  }

  paint(student) {
    const entry = this.entries.get(student);
    if (!entry) return;
    const staged = this.staged.get(student)?.status;
    entry.element.classList.toggle("is-staged", Boolean(staged));
    for (const button of entry.element.querySelectorAll("[data-stage]")) {
      const pressed = button.dataset.stage === (staged ?? entry.row.status);
      button.setAttribute("aria-pressed", String(pressed));
    }
  }

  onClick(event) {
    const button = event.target.closest("[data-stage]");
    if (!button) return;
    const element = button.closest("[data-student]");
    this.stage(Number(element.dataset.student), button.dataset.stage);
  }

  onKey(event) {
    const element = event.target.closest("[data-student]");
    if (!element || this.bar.hidden || event.ctrlKey || event.metaKey || event.altKey) return;
    const rows = this.rows();
    const at = rows.indexOf(element);
    const student = Number(element.dataset.student);
    const status = this.keys.get(event.key.toLocaleLowerCase());
    if (status) {
      this.stage(student, status);
      this.focus(rows[at + 1] ?? element);
    } else if (event.key === "ArrowDown") this.focus(rows[at + 1] ?? element);
    else if (event.key === "ArrowUp") this.focus(rows[at - 1] ?? element);
    else if (event.key === "Backspace" || event.key === "Delete") {
      this.staged.delete(student);
      this.changed(student);
    } else return;
    event.preventDefault();
  }

  async onSubmit(event) {
    event.preventDefault();
    const data = new FormData(this.form);
    const taking = this.bar.dataset.mode === "take";
    const marks = [...this.staged].map(([student, { was, ...mark }]) => ({
      student,
      ...mark,
      ...(taking ? {} : { was }), // a register that is taken afterwards showed nothing before
    }));
    const body = taking
      ? { nonce: this.nonce, topic: data.get("topic"), marks }
      : { nonce: this.nonce, reason: data.get("reason"), marks };
    const answer = await this.send(this.bar.dataset.url, body);
    if (!answer) return;
    this.staged.clear();
    if (taking) {
      window.location.reload();
      return;
    }
    this.changed(0);
    for (const { element } of this.entries.values()) this.prepare(element);
    this.tell(answer, { undo: true });
  }

  async undo(button) {
    const answer = await this.send(this.bar.dataset.undoUrl, { bulk: Number(button.dataset.undo) });
    if (answer) this.tell(answer, { undo: false });
  }

  /** The answer of the server, or null after its refusal was shown. */
  async send(url, body) {
    const button = this.form.querySelector("[type=submit]");
    button.disabled = true;
    try {
      let response = await this.post(url, body);
      if (SIGNED_OUT.has(response.status)) {
        if (!(await renewTokens())) {
          this.say("signed-out");
          return null;
        }
        response = await this.post(url, body);
      }
      const answer = await response.json();
      if (response.ok) return answer;
      this.say("refused", answer.errors?.map((error) => error.detail).join(" "));
    } catch {
      this.say("failed"); // the marks stay on the page, and the nonce makes trying again harmless
    } finally {
      button.disabled = false;
    }
    return null;
  }

  post(url, body) {
    const token = this.form.querySelector("[name=csrfmiddlewaretoken]").value;
    return fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": token },
      body: JSON.stringify(body),
    });
  }

  /** How many marks were saved, and by name those that were not. */
  tell({ bulk, results }, { undo }) {
    const saved = results.filter((result) => result.result === "saved").length;
    const others = results.filter((result) => ["conflict", "refused"].includes(result.result));
    const notice = this.say(undo ? "saved" : "undone", String(saved));
    const list = notice.querySelector("ul");
    for (const { student, message } of others) {
      const item = document.createElement("li");
      item.textContent = `${this.entries.get(student)?.row.name ?? student}: ${message}`;
      list.append(item);
    }
    list.hidden = others.length === 0;
    const button = notice.querySelector("[data-undo]");
    if (button) {
      button.dataset.undo = bulk;
      button.hidden = saved === 0;
    }
    this.dispatchEvent(new Event("saved"));
  }

  say(kind, text) {
    const notice = cloneTemplate(`marking-${kind}`).firstElementChild;
    if (text) setText(notice.querySelector("[data-text]"), text);
    this.answer.replaceChildren(notice);
    return notice;
  }
}
