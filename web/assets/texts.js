// Every text of the page, for translation. Functions where something is filled in.

export const statuses = {
  valid: { name: "Valid", says: "Proven to accept mail." },
  invalid: { name: "Invalid", says: "Proven undeliverable." },
  catch_all: { name: "Catch-all", says: "Accepted, but the server accepts anything." },
  do_not_mail: { name: "Do not mail", says: "May be deliverable; unwise to mail." },
  unknown: { name: "Unknown", says: "No trustworthy evidence." },
  skipped: { name: "Skipped", says: "Deliberately not checked." },
};

export const reasons = {
  accepted: "Accepted", accepted_restricted: "Exists, restricted", bad_syntax: "Not an address",
  provider_syntax: "Impossible at this provider", domain_not_found: "Domain does not exist",
  no_mail_server: "No mail server", null_mx: "Takes no mail (null MX)",
  unroutable_mx: "Unroutable mail server", domain_not_accepted: "Domain not served",
  mailbox_not_found: "No such mailbox", mailbox_disabled: "Mailbox disabled",
  mailbox_moved: "Mailbox moved", accepts_all: "Server accepts all",
  provider_accepts_all: "Provider accepts all", disposable: "Throwaway", spam_trap: "Spam trap",
  complainer: "Complained before", listed_domain: "Listed domain", mailbox_full: "Mailbox full",
  known_bounce: "Bounced before", greylisted: "Greylisted", rate_limited: "Asked to slow down",
  temporary_failure: "Temporary failure", timeout: "No answer in time",
  connect_failed: "Not reachable", disconnected: "Hung up", probe_blocked: "We were refused",
  refuses_all: "Refuses all", tls_required: "Demands TLS", auth_required: "Demands a login",
  rcpt_untrusted: "Its yes proves nothing", ambiguous_reply: "Ambiguous answer",
  dns_error: "DNS error", protocol_error: "Not SMTP", not_probed: "Not probed",
  internal_error: "Our fault", opted_out: "Opted out", blocked_domain: "Blocked domain",
  duplicate: "Duplicate", cancelled: "Cancelled",
};

export const flags = {
  role: "role", free: "free mail", disposable: "throwaway", catch_all_domain: "catch-all domain",
  subaddress: "tagged", no_reply: "no-reply", full: "full", gateway: "gateway",
  gibberish: "gibberish", typo_suspected: "typo?", idn: "IDN", smtputf8: "UTF-8 local part",
  quoted: "quoted", domain_literal: "address literal", implicit_mx: "no MX record",
  own_history: "own history",
};

export const actions = {
  send: "Send", review: "Review before you send", retry: "Ask again later",
  suppress: "Do not send",
};

export const states = {
  loading: "Reading", ready: "Ready", running: "Running", paused: "Paused", done: "Done",
  cancelled: "Cancelled", failed: "Failed", removing: "Being erased",
};

export const t = {
  name: "mailknock", home: "Home", lists: "Lists", newList: "New list", settings: "Settings",
  signIn: "Sign in", signOut: "Sign out", key: "API key",
  signInHint: "The key was printed when mailknock serve started for the first time. More are made with “mailknock keys add NAME”.",
  theme: "Light or dark", check: "Check", checkTitle: "Check one address",
  checkHint: "DNS and the recipient’s own server are asked; no message is ever sent.",
  checking: "Knocking…", pending: "The server takes its time. Asking goes on in the background.",
  askAgain: "Check again", suggestion: "Did you mean", action: "Advice", score: "Score",
  scoreHint: "Estimated chance that a message sent now is delivered",
  checkedToday: "Checked today", checked30: "Checked in 30 days", share: "Proven valid",
  waiting: "Waiting for a later try", runningLists: "Running lists", lastDays: "The last 30 days",
  nothingYet: "Nothing was checked yet.", noRunning: "No list is running.",
  noLists: "No list yet. Drop a file, or paste addresses, to clean the first one.",
  layers: "Layers", syntax: "Syntax", listsLayer: "Lists", dns: "Domain (DNS)", smtp: "Mail server",
  random: "Random recipient", transcript: "Conversation", answers: "DNS answers", raw: "The whole result (JSON)",
  noTranscript: "No conversation was held.", file: "File", drop: "Drop a list here, or choose a file",
  dropHint: "CSV, TSV, text, NDJSON or XLSX, also gzipped. Columns and order stay as they are.",
  paste: "or paste addresses, one a line", options: "Options", listName: "Name",
  column: "Column", columnHint: "Name or number; empty: found by itself", header: "First line is a header",
  auto: "Find out", yes: "Yes", no: "No", dedupe: "Duplicates", dedupeMailbox: "Same mailbox",
  dedupeExact: "Same address", dedupeOff: "Check every row", depth: "How deep",
  depthSmtp: "Ask the mail server", depthDns: "Domain only", depthSyntax: "Syntax only",
  patience: "Patience", patienceQuick: "Quick: wait for nobody", patienceNormal: "Normal: up to 10 minutes",
  patiencePatient: "Patient: up to 6 hours", start: "Start", uploading: "Uploading",
  rows: "Rows", unique: "Mailboxes", duplicates: "Duplicates", unreadable: "Unreadable", done: "Done",
  created: "Created", state: "State", result: "Result", progress: "Progress", rate: "Rows a second",
  eta: "Time left", pause: "Pause", resume: "Go on", cancel: "Cancel", erase: "Erase",
  eraseSure: (name) => `Erase “${name}” with all its results? This can’t be undone.`,
  cancelSure: "Stop this list for good? What is known stays.",
  waitingUntil: (count, time) => `${count} waiting until ${time}`,
  operators: "Mail operators being asked", queue: "Queue", connections: "Connections",
  leftAlone: (time) => `left alone until ${time}`, noOperators: "Nobody is being asked right now.",
  byStatus: "By status", byReason: "By reason", filters: "Filters", all: "All", text: "Text",
  provider: "Provider", domain: "Domain", flag: "Flag", reason: "Reason", status: "Status",
  scoreFrom: "Score from", scoreTo: "to", clear: "Clear filters", address: "Address", row: "Row",
  explanation: "Why", next: "Next", previous: "Previous", page: (n) => `Page ${n}`,
  noRows: "No row fits these filters.", looking: "Looking further…", original: "Row as it came",
  exportList: "Export", format: "Format", words: "Words of", mailknockWords: "mailknock",
  presets: {
    all: "Everything", safe: "Safe to send", "safe+catch-all": "Safe and catch-all",
    "not-invalid": "Everything but invalid", unknown: "Unknown only", remove: "To be removed",
  },
  download: "Download", duplicateOf: (row) => `Same mailbox as row ${row}`, close: "Close",
  keys: "API keys", keyMade: "The new key, shown this once:", makeKey: "Make a key", keyName: "Name",
  scopes: "May", scopeVerify: "check single addresses", scopeLists: "work with lists",
  scopeAdmin: "change settings", perMinute: "Requests a minute (0: any)", uses: "Uses", used: "Last used",
  never: "never", remove: "Remove", removeKeySure: (name) => `Remove the key “${name}”? Whoever uses it is locked out at once.`,
  ownLists: "Your own lists", ownListsHint: "An address, a domain, or mx:host on each line; # starts a comment.",
  kinds: {
    allow: "Check all the same", opt_out: "Opted out: leave alone", block: "Blocked: don’t ask",
    trap: "Spam traps", complaint: "Complained", listed: "Bad name", disposable: "Throwaway too",
    not_disposable: "Not throwaway",
  },
  save: "Save", saved: "Saved.", configuration: "Configuration", configurationHint: "Set on the command line, in the environment or in the configuration file.",
  copy: "Copy", copied: "Copied.", gone: "This list is gone.", notFound: "There is nothing here.",
  menu: "Pages", busyName: "Working…", of: "of",
};
