// An email field that is checked while somebody fills in a form (doc/SIGNUP.md). One ES module, nothing else.
//
//   <input type="email" name="email" data-mailknock="/check-email">
//
// It asks POST <data-mailknock> {"address", "timeout_ms"} and expects a result of /v1/verify. Whatever goes
// wrong or takes longer than the deadline lets the person in; so does every status but `invalid`, and so
// does sending the same refused address a second time. A suggestion is offered, never put in by itself.
const DEADLINE_MS = 5000;
const DEADLINE_MOST_MS = 30000;
const MARGIN_MS = 500; // for the way there and back
const STATUSES = ["valid", "invalid", "catch_all", "do_not_mail", "unknown", "skipped"];
const TEXTS = {
  invalid: "Mail to this address would not arrive. Please look at it again, or send the form once more to keep it.",
  suggest: "Did you mean {address}?",
  use: "Use {address}",
};

let count = 0;

function settings(input, given) {
  const data = input.dataset;
  const wanted = Number(given.deadlineMs ?? data.mailknockDeadline ?? DEADLINE_MS);
  return {
    endpoint: given.endpoint ?? data.mailknock,
    key: given.key ?? data.mailknockKey, // of scope `verify` and with a rate: everybody can read it
    deadlineMs: wanted > 0 ? Math.min(wanted, DEADLINE_MOST_MS) : DEADLINE_MS,
    refuse: (given.refuse ?? data.mailknockRefuse ?? "invalid") === "invalid",
    whenLeft: (given.when ?? data.mailknockWhen ?? "blur") === "blur",
    field: given.field ?? data.mailknockField,
    texts: { ...TEXTS, ...given.texts },
    onResult: given.onResult,
  };
}

// The result, or null: no answer, not in time, or not understood. Never rejects.
async function ask(address, { endpoint, key, deadlineMs }, signal) {
  try {
    const answer = await fetch(endpoint, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...(key ? { "X-API-Key": key } : {}) },
      body: JSON.stringify({ address, timeout_ms: Math.max(0, deadlineMs - MARGIN_MS) }),
      credentials: key ? "omit" : "same-origin",
      signal,
    });
    const result = answer.ok ? await answer.json() : null;
    return STATUSES.includes(result?.status) ? result : null;
  } catch {
    return null;
  }
}

class Question {
  constructor(address, options) {
    this.address = address;
    this.stop = new AbortController();
    this.isOver = false;
    this.result = null;
    const late = new Promise((resolve) => { this.timer = setTimeout(resolve, options.deadlineMs, null); });
    this.answer = Promise.race([ask(address, options, this.stop.signal), late]).then((result) => {
      this.isOver = true;
      this.end();
      return (this.result = result);
    });
  }

  end() {
    clearTimeout(this.timer);
    this.stop.abort();
  }
}

export class Field {
  #input;
  #options;
  #note;
  #hidden;
  #question = null;
  #insisted = null; // refused once: the next time it may pass
  #isWaiting = false; // for an answer, with the form held back
  #isThrough = false; // our own second submit
  #listeners = new AbortController();

  constructor(input, given = {}) {
    this.#input = input;
    this.#options = settings(input, given);
    if (!this.#options.endpoint) throw new TypeError("mailknock: no endpoint");
    this.#addNote();
    const { signal } = this.#listeners;
    input.addEventListener("input", () => this.#forget(), { signal });
    if (this.#options.whenLeft) input.addEventListener("change", () => this.check(), { signal });
    // First of all listeners, so that others see only what is really sent.
    input.form?.addEventListener("submit", (event) => this.#submit(event), { signal, capture: true });
  }

  // Asks about what is in the field now, once; the result or null.
  async check() {
    const address = this.#input.value.trim();
    if (!address.includes("@")) return null;
    if (this.#question?.address !== address) {
      this.#question?.end();
      this.#question = new Question(address, this.#options);
    }
    const { answer } = this.#question;
    const result = await answer;
    if (this.#question?.answer === answer && this.#input.value.trim() === address) this.#show(result);
    return result;
  }

  detach() {
    this.#listeners.abort();
    this.#question?.end();
    this.#forget();
    this.#note.remove();
    this.#hidden?.remove();
    const left = (this.#input.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id && id !== this.#note.id);
    if (left.length > 0) this.#input.setAttribute("aria-describedby", left.join(" "));
    else this.#input.removeAttribute("aria-describedby");
  }

  // There from the start: what is put into it later is read out.
  #addNote() {
    const note = document.createElement("p");
    note.id = `mailknock-note-${++count}`;
    note.className = "mailknock-note";
    note.setAttribute("role", "status");
    this.#input.after(note);
    this.#note = note;
    const before = this.#input.getAttribute("aria-describedby");
    this.#input.setAttribute("aria-describedby", before ? `${before} ${note.id}` : note.id);
  }

  #forget() {
    this.#note.replaceChildren();
    this.#input.removeAttribute("aria-invalid");
  }

  #isRefused(result) {
    return this.#options.refuse && result?.status === "invalid";
  }

  #show(result) {
    this.#forget();
    this.#options.onResult?.(result);
    const { texts } = this.#options;
    if (this.#isRefused(result)) {
      this.#input.setAttribute("aria-invalid", "true");
      this.#note.append(texts.invalid);
    }
    if (typeof result?.suggestion === "string" && result.suggestion !== result.address) {
      const fill = (text) => text.replace("{address}", () => result.suggestion);
      const button = document.createElement("button");
      button.type = "button";
      button.className = "mailknock-use";
      button.textContent = fill(texts.use);
      button.addEventListener("click", () => this.#use(result.suggestion));
      this.#note.append(this.#note.firstChild ? " " : "", fill(texts.suggest), " ", button);
    }
  }

  #use(address) {
    this.#input.value = address;
    this.#input.focus();
    this.#input.dispatchEvent(new Event("input", { bubbles: true }));
    this.#input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  #remember(result) {
    const { field } = this.#options;
    if (!field) return;
    if (!this.#hidden) {
      this.#hidden = document.createElement("input");
      this.#hidden.type = "hidden";
      this.#hidden.name = field;
      this.#input.form.append(this.#hidden);
    }
    this.#hidden.value = result?.status ?? "unknown";
  }

  #submit(event) {
    if (this.#isThrough) return;
    const address = this.#input.value.trim();
    const known = this.#question?.address === address && this.#question.isOver;
    if (!address.includes("@")) return;
    if (known && (!this.#isRefused(this.#question.result) || this.#insisted === address)) {
      this.#remember(this.#question.result);
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!this.#isWaiting) this.#hold(event.submitter);
  }

  async #hold(submitter) {
    const form = this.#input.form;
    const address = this.#input.value.trim();
    this.#isWaiting = true;
    const result = await this.check();
    this.#isWaiting = false;
    if (this.#listeners.signal.aborted) return;
    if (this.#input.value.trim() !== address) return form.requestSubmit(submitter); // changed meanwhile: asked anew
    if (this.#isRefused(result) && this.#insisted !== address) {
      this.#insisted = address;
      this.#show(result);
      this.#input.focus();
      return;
    }
    this.#remember(result);
    this.#isThrough = true;
    try {
      form.requestSubmit(submitter);
    } finally {
      this.#isThrough = false;
    }
  }
}

export function attach(input, options) {
  return new Field(input, options);
}

for (const input of globalThis.document?.querySelectorAll("input[data-mailknock]") ?? []) attach(input);
