export type Status = "valid" | "invalid" | "catch_all" | "do_not_mail" | "unknown" | "skipped";
export type Action = "send" | "review" | "retry" | "suppress";
export type Depth = "syntax" | "dns" | "smtp";
export type Patience = "quick" | "normal" | "patient";
export type Profile = "mailknock" | "emailverify" | "zerobounce" | "neverbounce" | "kickbox" | "reacher";

export interface Result {
  schema: 1;
  address: string;
  normalized: string | null;
  status: Status;
  reason: string;
  score: number;
  action: Action;
  retry_after: number | null;
  flags: string[];
  suggestion: string | null;
  domain: string | null;
  provider: string | null;
  mx: { host: string; preference: number }[];
  syntax: { valid: boolean; diagnosis: string | null; offset: number | null; flags: string[] };
  smtp: Record<string, unknown> | null;
  checked_at: string;
  duration_ms: number;
  source: "live" | "cache" | "history" | "list";
  explanation: string;
  /** Not known in the time given; asked on in the background. */
  pending?: boolean;
  evidence?: Record<string, unknown>;
  profile?: Record<string, unknown>;
}

export interface Row {
  row: number;
  address: string;
  status: Status | null;
  reason?: string;
  score?: number;
  action?: Action;
  flags?: string[];
  suggestion?: string | null;
  provider?: string | null;
  domain?: string | null;
  explanation?: string | null;
  input?: string | null;
  duplicate_of?: number | null;
  fault?: string | null;
}

export interface List {
  id: string;
  name: string;
  state: "loading" | "ready" | "running" | "paused" | "done" | "cancelled" | "failed" | "removing";
  error?: string | null;
  rows: number;
  done: number;
  counts: Partial<Record<Status, number>>;
  reasons?: Record<string, number>;
  eta_s?: number | null;
  rate?: number | null;
  created_at?: string | null;
  started_at?: string | null;
  finished_at?: string | null;
  [more: string]: unknown;
}

export interface ListOptions {
  name?: string;
  column?: string | null;
  field?: string | null;
  sheet?: string | null;
  header?: boolean | null;
  dedupe?: "off" | "exact" | "mailbox";
  depth?: Depth;
  patience?: Patience;
  start?: boolean;
  retention_days?: number;
  webhook?: string | null;
  webhook_secret?: string;
}

export interface Filters {
  status?: string;
  reason?: string;
  flag?: string;
  provider?: string;
  domain?: string;
  score_min?: number;
  score_max?: number;
  text?: string;
}

export interface ReplyMeaning {
  code: number | null;
  enhanced: string | null;
  class: string;
  status: Status;
  reason: string;
  rule: string | null;
  confidence: number;
  action: Action;
  retry_after: number | null;
  explanation: string;
}

export interface Stoppable {
  signal?: AbortSignal;
}

export declare class MailknockError extends Error {
  constructor(message: string, facts?: { status?: number; code?: string; retryAfter?: number; cause?: unknown });
  readonly status?: number;
  readonly code?: string;
  readonly retryAfter?: number;
}
export declare class Unauthorized extends MailknockError {}
export declare class Forbidden extends MailknockError {}
export declare class NotFound extends MailknockError {}
export declare class Conflict extends MailknockError {}
export declare class Invalid extends MailknockError {}
export declare class RateLimited extends MailknockError {}
export declare class Unavailable extends MailknockError {}
export declare class ListFailed extends MailknockError {}
export declare class TimedOut extends MailknockError {}
export declare class BadSignature extends MailknockError {}

export declare class Client {
  constructor(base: string, options?: { key?: string; timeoutMs?: number; fetch?: typeof fetch });
  verify(address: string, options?: Stoppable & { timeoutMs?: number; depth?: Depth; fresh?: boolean; evidence?: boolean; profile?: Profile; idempotencyKey?: string }): Promise<Result>;
  classify(replies: (string | { reply: string; stage?: string; mx?: string; provider?: string })[], options?: Stoppable): Promise<ReplyMeaning[]>;
  createList(list: Stoppable & ListOptions & { addresses?: string[]; file?: Blob; idempotencyKey?: string }): Promise<List>;
  lists(options?: Stoppable): AsyncGenerator<List, void, undefined>;
  getList(id: string, options?: Stoppable): Promise<List>;
  wait(id: string, options?: Stoppable & { timeoutMs?: number; intervalMs?: number; onProgress?: (list: List) => void }): Promise<List>;
  results(id: string, options?: Stoppable & Filters & { page?: number }): AsyncGenerator<Row, void, undefined>;
  result(id: string, row: number, options?: Stoppable): Promise<Record<string, unknown>>;
  export(id: string, options?: Stoppable & Filters & { preset?: "all" | "safe" | "safe+catch-all" | "not-invalid" | "unknown" | "remove"; format?: "csv" | "ndjson" | "xlsx" | "zip"; profile?: Profile; duplicates?: "answer" | "skip" | "drop"; prefix?: string; columns?: string }): Promise<Response>;
  pause(id: string): Promise<unknown>;
  resume(id: string): Promise<unknown>;
  cancel(id: string): Promise<unknown>;
  recheck(id: string, rows?: number[]): Promise<unknown>;
  deleteList(id: string): Promise<void>;
}

export interface WebhookEvent {
  id: string;
  event: string;
  created_at: string;
  data: Record<string, unknown>;
}
export declare function verifySignature(secret: string, header: string, body: string | Uint8Array, options?: { toleranceS?: number; now?: number }): Promise<WebhookEvent>;
