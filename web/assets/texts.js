// Every text of the page, for translation. Functions where something is filled in.

// How numbers and times are written.
export const language = "en-GB";

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
  internal_error: "Our fault", opted_out: "Opted out", blocked_domain: "On your block list",
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
  loading: "Reading", ready: "Ready", waiting: "Waiting", running: "Running", paused: "Paused", done: "Done",
  cancelled: "Cancelled", failed: "Failed", removing: "Being erased",
};

// Mail operators by the names that people know; others are shown as they are called in results.
export const providers = {
  other: "Others, or none", google: "Google", microsoft365: "Microsoft 365", outlook: "Outlook.com", apple: "Apple iCloud",
  yahoo: "Yahoo", gmx: "GMX", "web.de": "WEB.DE", protonmail: "Proton Mail", fastmail: "Fastmail", zoho: "Zoho",
  yandex: "Yandex", "mail.ru": "Mail.ru", mimecast: "Mimecast", proofpoint: "Proofpoint", barracuda: "Barracuda",
  postfix: "Postfix", exim: "Exim", sendmail: "Sendmail",
  exchange: "Exchange", orange: "Orange", libero: "Libero", naver: "Naver", qq: "QQ", netease: "NetEase",
  seznam: "Seznam", sendgrid: "SendGrid", "t-online": "T-Online", uol: "UOL", wp: "WP.pl", comcast: "Comcast", ionos: "IONOS",
};

// What a source of a result is called.
export const sources = { live: "asked live", cache: "from the cache", history: "from own history", list: "from a list" };

export const t = {
  // The frame.
  name: "mailknock", home: "Home", lists: "Lists", newList: "New list", settings: "Settings", menu: "Pages",
  skip: "Skip to content", toDark: "Dark colours", toLight: "Light colours", signIn: "Sign in", signOut: "Sign out",
  key: "API key", keyShape: "mk_…", busy: "Working…", notFound: "There is nothing here.", close: "Close",
  signInHint: "It was printed when mailknock serve started for the first time. More are made with “mailknock keys add NAME”.",
  noAnswer: "The server does not answer. Is mailknock still running?", lost: "The server does not answer. It is tried again every few seconds; lists go on where they stood.", back: "The server is back.", more: "More", brokenUpload: "The upload broke off. Try again.",
  seconds: (n) => `${n} s`, minutes: (n) => `${n} min`, hours: (n, m) => `${n} h ${m} min`, byteUnits: ["B", "KiB", "MiB", "GiB"],
  yes: "Yes", no: "No", keep: "Leave it", none: "–", empty: "(empty)",

  // One address.
  check: "Check", checkTitle: "Check one address", address: "Address", addressShape: "someone@example.org",
  checkHint: "DNS and the recipient’s own server are asked; no message is ever sent.", checking: "Knocking…",
  pending: "The server takes its time. Asking goes on in the background.", askAgain: "Check again",
  stillPending: "There is no answer yet; it is still being asked for. Check again in a while.",
  suggestion: "Did you mean", action: "Advice", score: "Score", checked: "Checked", flags: "Flags",
  scoreHint: "Estimated chance that a message sent now is delivered", layers: "Layers", syntax: "Syntax",
  listsLayer: "Lists", dns: "Domain (DNS)", smtp: "Mail server", random: "Random recipient",
  transcript: "Conversation", answers: "DNS answers", raw: "The whole result (JSON)",
  noTranscript: "No conversation was held.", wellFormed: "well-formed", onNone: "on none", notAsked: "not asked",
  notNeeded: "not needed", inClear: "in clear", remembered: "remembered", ms: (n) => `${n} ms`,
  wrongAt: (what, place) => `${what} at byte ${place}`, attempts: (n, text) => `${text} attempt${n === 1 ? "" : "s"}`,
  layerStates: { ok: "in order", bad: "not in order", open: "open" },
  randomResults: { accepted: "accepted too", refused: "refused", unclear: "not clear" },
  dnsColumns: { name: "Name", type: "Type", outcome: "Outcome", ttl: "TTL (s)", answer: "Answer" },
  retryAfter: "Worth asking again",

  // Home.
  checkedToday: "Checked today", checked30: "Checked in 30 days", share: "Proven valid",
  waiting: "Waiting for a later try", runningLists: "Running lists", latestLists: "Latest lists", lastDays: "The last 30 days",
  allLists: "All lists", nothingYet: "Nothing was checked yet. Check an address above, or clean a list.",
  daysSummary: (all, most) => `${all} addresses in 30 days, at most ${most} on one day`,
  noLists: "No list yet. Drop a file, or paste addresses, to clean the first one.",

  // A new list.
  drop: "Drop a list here, or choose a file", chooseFirst: "Choose a file, or paste addresses, first.",
  dropHint: "CSV, TSV, text, NDJSON or XLSX, also gzipped. Columns and order stay as they are.",
  paste: "or paste addresses, one a line", pasteShape: "ann@example.org\nben@example.com", pastedName: "pasted.txt",
  options: "Options", keepDays: "Keep results", keepDaysHint: "Days after it is done; empty: as configured", sheet: "Sheet", sheetHint: "Of a workbook; empty: the first", moreOptions: "More options", listName: "Name", nameHint: "Empty: the file’s", column: "Column of addresses",
  columnHint: "Name or number; empty: found by itself", header: "First line is a header", auto: "Find out",
  dedupe: "Duplicates", dedupeMailbox: "Same mailbox, once", dedupeExact: "Same spelling, once",
  dedupeOff: "Check every row", depth: "How deep", asConfigured: "As configured", depthSmtp: "Ask the mail server", depthDns: "Domain only",
  depthSyntax: "Syntax only", patience: "Patience", patienceQuick: "Quick: wait for nobody",
  patienceNormal: "Normal: up to 10 minutes", patiencePatient: "Patient: up to 6 hours", start: "Start",
  startLater: "Look first, start later", uploading: "Uploading", removeFile: "Remove",

  // Lists.
  rows: "Rows", unique: "Mailboxes", duplicates: "Duplicates", unreadable: "Unreadable", doubtful: "With doubtful quotes", done: "Done", created: "Created",
  state: "State", result: "Result", noResults: "no results yet", findList: "Find a list by name", findListShape: "Find by name",
  noListNamed: "No list has such a name.", erase: "Erase", eraseTitle: "Erase this list?",
  eraseSure: (name) => `“${name}” goes with its file and all its results. This can’t be undone.`,
  rowsRead: (n) => `${n} rows read`, newer: "Newer", older: "Older",

  // One list.
  progress: "Progress", rate: "rows a second", left: "Left", pause: "Pause", resume: "Go on", cancel: "Cancel",
  cancelTitle: "Cancel this list?", cancelSure: "It stops where it is. What is known stays, and can be exported.", cancelLoadingSure: "It is read to its end, and nobody is asked. It can be started later.",
  rename: "Rename", pace: "Pace", timeLeft: "Time left", waitingShort: "Waiting", untilClock: (time) => `until ${time}`,
  waitingWhy: (words) => `${words}: their servers asked us to come again later. Nothing else is held up by that.`,
  beingAsked: "being asked", inQueue: "in turn", restingNow: "resting", queued: "Queued", ofLimit: (n, limit) => `${n} of ${limit}`,
  moreOperators: (n, rows) => `and ${n} more, with ${rows} in their queues`,
  keptUntil: (time) => `kept until ${time}`, erasedSoon: (days) => (days ? `erased in ${days} day${days === 1 ? "" : "s"}` : "erased today"),
  waitingUntil: (count, time) => `${count} waiting until ${time}`, waitingFor: (count) => `${count} waiting for a later try`,
  operators: "Mail operators being asked", queue: "Queue", connections: "Connections", reading: "The list is being read.",
  leftAlone: (time) => `left alone until ${time}`, noOperators: "Nobody is being asked right now.",
  ofMailboxes: (done, all) => `${done} of ${all} mailboxes`, gone: "This list is gone.", report: "Report", recheck: "Check unknown again",
  finishedAt: (time) => `done ${time}`, createdAt: (time) => `created ${time}`,
  save: "Save", saved: "Saved.",

  // Before it starts.
  readyTitle: "Ready to start", readyHint: "Nobody was asked yet. See whether the right column was found; then start.",
  estimate: "Time it takes", about: (time) => `about ${time}`, atOnce: "no time at all", seenBefore: "This very file was checked before:",
  firstRows: "First rows", addressRead: "Address read", asItCame: "Row as it came", change: "Change how it is read",
  columns: "Columns", columnNumber: "No.", columnName: "Name", samples: "For example", addressShare: "Addresses", taken: "taken", take: "Take this",
  topDomains: "Most common domains", topProviders: "Most common operators", apply: "Apply",

  // What came out.
  byStatus: "By status", byReason: "By reason", rowsUnit: "rows", moreReasons: (n) => `${n} more`, fewerReasons: "Fewer",
  bounce: "Estimated bounces", bounceBefore: "as it came", bounceAfter: "sending to valid only", details: "Providers, scores, flags",
  byProvider: "Provider and status", byScore: "By score", byFlag: "By flag", worstDomains: "Domains with most bad rows",
  bad: "Bad", noFlags: "No row has a flag.", counting: "Counting…", domains: "Domain", scoreRange: (low, high) => `${low}–${high}`,

  // Its rows.
  filters: "Filters", all: "All", text: "Text", textHint: "In address or row", provider: "Provider", domain: "Domain", flag: "Flag", reason: "Reason",
  status: "Status", scoreFrom: "Score from", scoreTo: "to", clear: "Clear all", row: "Row", next: "Next", previous: "Previous",
  first: "First", rowsShown: (from, to, of) => (of ? `${from}–${to} of ${of}` : `${from}–${to}`), drop1: (what) => `Remove the filter ${what}`,
  noRows: "No row fits these filters.", looking: (n) => `Looking further, after row ${n}…`,
  goToRow: "Go to row", goTo: "Go", exportView: "Export these rows", suggestions: "Mend mistyped addresses…", suppress: "Add to own list…",
  original: "Row as it came", duplicateOf: (row) => `Same mailbox as row ${row}, which was asked about.`, notYet: "Not checked yet.", notYetShort: "not yet",
  rowTitle: (n) => `Row ${n}`, nextRow: "Next row", previousRow: "Previous row", filterAtLeast: (n) => `Score ≥ ${n}`, filterAtMost: (n) => `Score ≤ ${n}`,

  // With many rows, or one.
  allFiltered: "all that fit the filters", gathered: (n) => `${n} rows read…`,
  tooMany: (n) => `These are more than ${n} rows. Narrow the filters.`,
  suppressTitle: "Add to one of your own lists", suppressVerb: "Add", suppressSays: (n) => `Addresses: ${n}. Later checks heed it; results that are known stay as they are.`,
  added: (n) => `${n} added.`, stoodThere: (n) => `${n} stood there already.`, wereNone: (n) => `${n} are no addresses.`, addedSoFar: (n) => `${n} added so far…`,
  suppressList: "Keep out what is not to be mailed…", suppressListTitle: "Keep out what is not to be mailed", suppressListSays: "These addresses join one of your own lists, so that no later list asks about them or calls them fit to mail. Results that are known stay as they are.",
  chooseStatus: "Choose at least one status that has rows.", eraseList: "Erase this list…", erased: (name) => `“${name}” is being erased.`,
  rejudge: "Judge again with today’s rules…", rejudgeTitle: "Judge again with today’s rules", rejudgeVerb: "Take them over", rejudging: "Looking what would change…",
  rejudgeSays: "What the servers said is kept. It is judged once more, by the rules of this version and by your own lists as they are now; nobody is asked.",
  rejudgeWould: (n, all) => `${n} of ${all} mailboxes would come out differently.`, rejudgeNone: (all) => `Nothing would change: all ${all} mailboxes come out the same.`,
  rejudgeWithout: (n) => `${n} without kept evidence stay as they are.`, rejudged: (n) => `${n} mailboxes were judged differently.`,
  rejudgeMoves: "What would change", rejudgeFrom: "Now", rejudgeTo: "Then", rejudgeSame: "the same, with another score or advice",
  markWrong: "Mark as wrong…", outcomeTitle: "What became of a message?", outcomeSays: (address) => `What really happened to mail for ${address} counts more than what a server said. Later checks heed it; this row stays as it is until it is checked again.`,
  outcomeLegend: "It", outcomes: { bounce: ["Bounced", "The mailbox does not exist after all"], delivery: ["Arrived", "The mailbox exists after all"], complaint: ["Was complained of", "Whoever reads it does not want it"] },
  outcomeDetail: "What the server said, if you know", outcomeShape: "550 5.1.1 No such user", outcomeDetailHint: "It tells a missing mailbox from a refusal of the sender.", outcomeVerb: "Note it", outcomeKept: "Noted. Later checks heed it.",
  suggestTitle: "Accept what was suggested", suggestVerb: "Make a list of them",
  suggestSays: (n) => `Rows that seem mistyped: ${n}. What they were meant to be becomes a list of its own and is checked; nothing is changed here.`,
  suggestedName: (name) => `${name}, mended`, noSuggestions: "There is no suggestion among these rows.",
  recheckRow: "Check this row again", rechecking: "It is being asked about again.",

  // Export.
  exportList: "Export", exportTitle: "Export", download: "Download", whichRows: "Rows", inView: "As filtered now",
  appendedColumns: "Columns added", noColumn: "Choose at least one column to add.",
  suggestionsApplied: "Mistyped addresses", suggestionsApply: "Add a column with the address to mail", suggestionsApplyHint: "The suggestion where an address seems mistyped, else the address as it came. Suggestions are not verified.",
  appended: { status: "Status", reason: "Reason", score: "Score", action: "Advice", flags: "Flags", suggestion: "Suggestion", provider: "Provider", explanation: "Explanation" }, format: "Format", words: "Words of", mailknockWords: "mailknock", formats: { csv: "CSV", xlsx: "XLSX", ndjson: "NDJSON", zip: "ZIP, one file a status" },
  duplicateRows: "Duplicates", duplicateChoices: { answer: "Keep, with the answer", skip: "Keep, marked", drop: "Leave out" },
  exportHint: "Columns and order stay as they came; these are appended. Cells are defused against formulas.",
  exportObjects: "One object a line, each with the whole result.",
  exportZip: "Every row: one CSV file a status and one of all, the original as it came, and the report.",
  presets: {
    safe: ["Safe to send", "Proven to accept mail", ["valid"]], "safe+catch-all": ["Safe and catch-all", "Also servers that accept anything", ["valid", "catch_all"]],
    "not-invalid": ["Everything but invalid", "Drops what is proven undeliverable", ["valid", "catch_all", "unknown", "do_not_mail", "skipped"]],
    unknown: ["Unknown only", "To look at, or to ask again", ["unknown"]], remove: ["To be removed", "Invalid, and unwise to mail", ["invalid", "do_not_mail"]],
    all: ["Everything", "Every row, with its verdict", ["valid", "catch_all", "unknown", "do_not_mail", "invalid", "skipped"]],
  },

  // Settings.
  settingsPages: { keys: "API keys", webhooks: "Webhooks", lists: "Own lists", privacy: "Privacy", health: "Health", audit: "Audit log" },
  keys: "API keys", keyMade: "The new key. It is shown this once:", makeKey: "Make a key", keyName: "Name", scopes: "May",
  scopeNames: { verify: "check single addresses", lists: "work with lists", admin: "change settings" },
  perMinute: "A minute", perMinuteHint: "Requests a minute; 0: any number", anyNumber: "any number", uses: "Uses", used: "Last used",
  never: "never", remove: "Remove", removeKeyTitle: "Remove this key?",
  removeKeySure: (name) => `Whoever uses “${name}” is locked out at once.`, copy: "Copy", copied: "Copied.",
  ownLists: "Your own lists", ownListsHint: "One a line: an address, a domain with all below it, @domain for that alone, or mx:host.", whichList: "List", entries: "Entries",
  ownListsSays: "They win over whatever a server says. Entries that are kept here join those from files.", inEffect: "In effect", keptHere: "Kept here", fromFiles: "From files",
  newEntries: "Add entries", addEntries: "Add", findEntry: "Find an entry", findEntryShape: "Part of an address or domain", entry: "Entry", noEntries: "Nothing is kept here yet.", noEntryFound: "No entry has that in it.",
  moreEntries: "More", removeEntryTitle: "Remove this entry?", removeEntrySure: (entry) => `“${entry}” is not on this list any more; later checks see it as any other.`,
  editText: "Edit as text", editTextHint: "With your comments (#). It is saved only if nobody changed it meanwhile.", reloadText: "Drop my changes and read it again", tooLongToEdit: "The list is too long to be edited as text here. The API has it whole.",
  kinds: {
    allow: "Allowed: check all the same", opt_out: "Opted out: leave alone", block: "Blocked: don’t ask", trap: "Spam traps",
    complaint: "Complained", listed: "Bad name", disposable: "Throwaway too", not_disposable: "Not throwaway",
  },
  eraseAddress: "Erase one address", eraseAddressHint: "Out of all results, caches and histories. Files of lists stay as they came; those that hold it are named.",
  eraseAddressTitle: "Erase this address?", eraseAddressSure: (address) => `What is known of “${address}” is gone for good.`,
  erasedRows: (n) => `Erased from ${n} results.`, heldBy: "These lists’ files still hold it:",
  retention: "How long results stay", retentionIs: (n) => `Lists and results are erased ${n} days after a list is done.`, retentionNone: "Lists and results stay until somebody erases them.",
  retentionHint: "Set with --retention-days, or for one list when it is made.", erasedAt: "Erased", erasedSoonMany: (n) => `Lists whose results go within a week: ${n}. Export what is still needed.`,
  olderEntries: "Older entries",
  webhooks: "Webhooks", webhooksHint: "Called with a signed message (HMAC-SHA-256) when something has happened; tried again for a day where that fails.",
  hookUrl: "Address to call", hookShape: "https://example.org/hook", hookEvents: "When", addWebhook: "Add a webhook", noWebhooks: "Nobody is called yet.",
  events: { "list.finished": "a list is done", "list.cancelled": "a list was cancelled", "list.failed": "a list failed", "verify.finished": "a single check is done" },
  secretMade: "The secret that signs. It is shown this once:", newSecret: "New secret", newSecretTitle: "Make a new secret?", newSecretSure: "The old one signs nothing any more, from now on.",
  switchOn: "Switch on", switchOff: "Switch off", switchedOn: "on", switchedOff: "off", sendTest: "Test", testSent: "A test is on its way.",
  removeHookTitle: "Remove this webhook?", removeHookSure: (url) => `${url} is not called any more; its log goes too.`,
  deliveries: "Deliveries", deliveriesOf: (url) => `Deliveries to ${url}`, noDeliveries: "Nothing was sent yet.", when: "When", event: "Event", tries: "Tries", replay: "Send again", sentAgain: "It is sent again.",
  deliveryStates: { pending: "pending", delivered: "delivered", failed: "failed" }, notTried: "not tried yet", triesCount: (n, text) => `${text} ${n === 1 ? "try" : "tries"}`, nextTry: (time) => `next try ${time}`, noAnswerFrom: "no answer",
  health: "Health", healthHint: "What only you can mend, as far as it shows in the traffic of the last hour.",
  healthStore: "Storage", healthStoreFine: "answers", healthPort: "Port 25", healthPortFine: "mail servers can be reached", healthRefused: "Reputation", healthRefusedFine: "servers do not refuse us as a rule",
  healthResolver: "DNS", healthResolverFine: "the resolver answers", healthDoctor: "“mailknock doctor” looks at more: host name, reverse DNS, SPF, blocklists.",
  openCases: "Addresses in work", openSessions: "Connections", leftAloneNow: "Operators left alone",
  workers: "Workers", workersHint: "Each mail operator is asked by one worker at a time, so that its limits hold for all of them together.", noWorkers: "No worker is there: lists wait until one is started (“mailknock worker”).",
  workerColumns: ["Worker", "State", "Heard of", "Operators", "In work", "Handed over", "Rows a second"], workerAlive: "at work", workerSilent: "not heard of", secondsAgo: (count) => `${count} s ago`, secondsUnit: (count) => `${count} s`,
  waitingChunks: "Chunks that wait", waitingHanded: "Handed rows that wait", waitingSites: "Operators without a worker", fleetLag: "Longest wait of one",
  audit: "Audit log", auditHint: "The latest changes by keys, sessions and the command line.", auditColumns: ["When", "What", "By", "Of"], noAudit: "Nothing yet.",
  configuration: "Configuration", configurationHint: "Set on the command line, in the environment or in the configuration file.",
  notSet: "not set", unlimited: "kept for ever", daysUnit: (n) => `${n} days`,
  configurationNames: {
    version: "Version", helo: "Name we say (EHLO)", mail_from: "Sender we name", second_mail_from: "Second sender", source_ip: "Source address",
    port: "SMTP port", depth: "How deep", patience: "Patience", connections: "Connections at most", open: "Open without a key",
    retention_days: "Results are", max_upload: "Largest upload", resolvers: "DNS resolvers", cors: "Web sites that may call",
  },
};
