// Client of a mailknock service (doc/CLIENTS.md): an ES module on fetch, for Node.js 18 and later, browsers,
// Deno and Bun. Results are objects as the API gives them (doc/API.md); what goes wrong is a
// MailknockError. No call is repeated by itself. Types stand in mailknock.d.ts.

// status: of HTTP, or undefined when nobody answered. code: stable, for programs. message: for people.
export class MailknockError extends Error {
  constructor(message, { status, code, retryAfter, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}
export class Unauthorized extends MailknockError {} // 401: no key, or a wrong one
export class Forbidden extends MailknockError {} // 403: the key lacks the scope
export class NotFound extends MailknockError {}
export class Conflict extends MailknockError {} // 409: not in this state
export class Invalid extends MailknockError {} // 400, 413, 415, 422: cannot be done as it is
export class RateLimited extends MailknockError {} // 429: retryAfter says in how many seconds
export class Unavailable extends MailknockError {} // 503, or nobody answered in time
export class ListFailed extends MailknockError {} // a list that was waited for failed or was cancelled
export class TimedOut extends MailknockError {} // it was not done in the time given to wait()
export class BadSignature extends MailknockError {} // a webhook that is not signed by the secret, or is too old

const kinds = { 400: Invalid, 401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict, 413: Invalid, 415: Invalid, 422: Invalid, 429: RateLimited, 503: Unavailable };

const given = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== null));
const listPath = (id, below = "") => `/v1/lists/${encodeURIComponent(id)}${below}`;

// Ends early, by rejecting, when the signal says so.
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => { clearTimeout(timer); reject(signal.reason); };
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(() => { signal?.removeEventListener("abort", stop); resolve(); }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

async function refusal(answer) {
  const problem = await answer.json().catch(() => ({}));
  const later = Number.parseInt(answer.headers.get("Retry-After") ?? "", 10);
  const Kind = kinds[answer.status] ?? MailknockError;
  return new Kind(problem?.detail ?? `HTTP status ${answer.status}`, { status: answer.status, code: problem?.code, retryAfter: Number.isNaN(later) ? undefined : later });
}

export class Client {
  #base;
  #key;
  #timeoutMs;
  #fetch;

  // base: where the service is; "" in a page of the same site. timeoutMs: of calls that do not wait by themselves.
  constructor(base, { key, timeoutMs = 30000, fetch: own } = {}) {
    this.#base = base.replace(/\/+$/, "");
    this.#key = key;
    this.#timeoutMs = timeoutMs;
    this.#fetch = own ?? ((...all) => globalThis.fetch(...all));
  }

  // --- single addresses ---

  // The result. What is not known within timeoutMs is `unknown` with `pending: true`.
  verify(address, { timeoutMs = 10000, depth, fresh, evidence, profile, idempotencyKey, signal } = {}) {
    return this.#json("POST", "/v1/verify", {
      body: given({ address, timeout_ms: timeoutMs, depth, fresh, evidence, profile }),
      idempotencyKey, signal, timeoutMs: this.#timeoutMs + timeoutMs,
    });
  }

  // What SMTP replies mean: texts, or {reply, stage, mx, provider}; at most 1,000.
  async classify(replies, { signal } = {}) {
    const items = replies.map((each) => (typeof each === "string" ? { reply: each } : each));
    return (await this.#json("POST", "/v1/classify", { body: { replies: items }, signal })).items;
  }

  // --- lists ---

  // A new list from addresses, or from a file: a Blob or File (in Node.js: `new Blob([await readFile(path)])` or fs.openAsBlob).
  createList({ addresses, file, name, idempotencyKey, signal, ...options }) {
    if ((addresses === undefined) === (file === undefined)) throw new TypeError("either addresses or file");
    const all = given({ name, ...options });
    if (file === undefined) return this.#json("POST", "/v1/lists", { body: { addresses, options: all }, idempotencyKey, signal });
    const form = new FormData();
    form.append("options", JSON.stringify(all));
    form.append("file", file, file.name ?? name ?? "list.csv");
    return this.#json("POST", "/v1/lists", { body: form, idempotencyKey, signal, timeoutMs: 0 });
  }

  lists(options = {}) { return this.#pages("/v1/lists", {}, options.signal); }
  getList(id, { signal } = {}) { return this.#json("GET", listPath(id), { signal }); }

  // The list, once it is done. A service that is away for a moment is waited for.
  async wait(id, { timeoutMs = Infinity, intervalMs = 2000, onProgress, signal } = {}) {
    const end = Date.now() + timeoutMs;
    for (;;) {
      let next = intervalMs;
      try {
        const now = await this.getList(id, { signal });
        onProgress?.(now);
        if (now.state === "done") return now;
        if (now.state === "failed" || now.state === "cancelled") throw new ListFailed(now.error ?? `the list is ${now.state}`, { code: now.state });
      } catch (trouble) {
        if (!(trouble instanceof RateLimited || trouble instanceof Unavailable)) throw trouble;
        next = Math.max(next, (trouble.retryAfter ?? 0) * 1000);
      }
      if (Date.now() + next > end) throw new TimedOut(`list ${id} is not done`);
      await pause(next, signal);
    }
  }

  // Rows, one by one. filters: status, reason, flag, provider, domain, score_min, score_max, text.
  results(id, { page = 500, signal, ...filters } = {}) { return this.#pages(listPath(id, "/results"), { ...filters, limit: page }, signal); }
  // One row with its evidence.
  result(id, row, { signal } = {}) { return this.#json("GET", listPath(id, `/results/${Number(row)}`), { signal }); }
  // The list as it came, with what was found: a Response to stream or to save. query: preset, format, profile, ...
  async export(id, { signal, ...query } = {}) { return (await this.#send("GET", listPath(id, "/export"), { query, signal, timeoutMs: 0 }))[0]; }

  pause(id) { return this.#json("POST", listPath(id, "/pause"), { body: {} }); }
  resume(id) { return this.#json("POST", listPath(id, "/resume"), { body: {} }); }
  cancel(id) { return this.#json("POST", listPath(id, "/cancel"), { body: {} }); }
  // Ask again for what is unknown, or for these rows.
  recheck(id, rows) { return this.#json("POST", listPath(id, "/recheck"), { body: given({ rows }) }); }
  // Erases file, rows and results.
  async deleteList(id) { (await this.#send("DELETE", listPath(id), {}))[1](); }

  // --- HTTP ---

  async *#pages(path, query, signal) {
    let cursor;
    do {
      const page = await this.#json("GET", path, { query: { ...query, cursor }, signal });
      yield* page.items;
      cursor = page.next;
    } while (cursor);
  }

  async #json(method, path, options) {
    const [answer, release] = await this.#send(method, path, options);
    try {
      return await answer.json();
    } catch (cause) {
      if (options.signal?.aborted) throw options.signal.reason;
      throw new Unavailable(`the answer cannot be read: ${cause.message}`, { status: answer.status, cause });
    } finally {
      release();
    }
  }

  // The answer, and what is to be called when its body was read: until then timeoutMs (0: none) runs and the
  // caller's own signal ends the call, with its own reason.
  async #send(method, path, { query = {}, body, idempotencyKey, signal, timeoutMs = this.#timeoutMs }) {
    const search = new URLSearchParams(given(query)).toString();
    const isForm = body instanceof FormData;
    const headers = given({ "X-API-Key": this.#key, "Idempotency-Key": idempotencyKey, "Content-Type": body && !isForm ? "application/json" : undefined });
    const stop = new AbortController();
    const follow = () => stop.abort(signal.reason);
    const timer = timeoutMs > 0 ? setTimeout(() => stop.abort(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs) : undefined;
    const release = () => { clearTimeout(timer); signal?.removeEventListener("abort", follow); };
    if (signal?.aborted) follow();
    signal?.addEventListener("abort", follow, { once: true });
    try {
      // A redirect would take the key elsewhere.
      const answer = await this.#fetch(this.#base + path + (search && `?${search}`), { method, headers, body: body && !isForm ? JSON.stringify(body) : body, signal: stop.signal, redirect: "error" });
      if (!answer.ok) throw await refusal(answer);
      return [answer, release];
    } catch (cause) {
      release();
      if (cause instanceof MailknockError) throw cause;
      if (signal?.aborted) throw signal.reason;
      throw new Unavailable(`${this.#base} does not answer: ${cause.cause?.message ?? cause.message}`, { cause });
    }
  }
}

// The event of a webhook, after its signature (X-Mailknock-Signature) was checked over the bytes as they
// came (a string or Uint8Array). BadSignature when it does not fit or is more than toleranceS seconds old or ahead.
export async function verifySignature(secret, header, body, { toleranceS = 300, now = Date.now() / 1000 } = {}) {
  const parts = header.split(",").map((part) => part.trim().split("="));
  const values = (name) => parts.filter(([key]) => key === name).map(([, value]) => value ?? "");
  const [stamp, ...more] = values("t");
  if (more.length > 0 || !/^[0-9]{1,15}$/.test(stamp ?? "")) throw new BadSignature("no time in the signature");
  const text = new TextEncoder();
  const bytes = typeof body === "string" ? text.encode(body) : body;
  const head = text.encode(`${stamp}.`);
  const signed = new Uint8Array(head.length + bytes.length);
  signed.set(head);
  signed.set(bytes, head.length);
  const { subtle } = globalThis.crypto ?? (await import("node:crypto")).webcrypto;
  const key = await subtle.importKey("raw", text.encode(secret), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  let fits = false;
  for (const digest of values("v1")) {
    if (!/^[0-9a-f]{64}$/.test(digest)) continue;
    const raw = Uint8Array.from(digest.match(/../g), (pair) => Number.parseInt(pair, 16));
    fits = (await subtle.verify("HMAC", key, raw, signed)) || fits; // compares in constant time
  }
  if (!fits) throw new BadSignature("not signed by this secret");
  if (Math.abs(now - Number(stamp)) > toleranceS) throw new BadSignature("too old, or a clock is wrong");
  return JSON.parse(new TextDecoder().decode(bytes));
}
