// The HTTP API. Failures are thrown as Trouble, with the server's own words.
import { t } from "./texts.js";

class Trouble extends Error {
  constructor(problem, status) {
    super(problem.detail || problem.title || `HTTP ${status}`);
    this.status = status;
    this.code = problem.code;
  }
}

let signedOut = () => {}, unreachable = () => {};
export function onSignedOut(handler) {
  signedOut = handler;
}
// Told when nobody answered.
export function onUnreachable(handler) {
  unreachable = handler;
}

async function troubleOf(response) {
  let problem = {};
  try {
    problem = await response.json();
  } catch {
    problem = { title: response.statusText };
  }
  return new Trouble(problem, response.status);
}

// more: headers to send, and what is told the answer's headers.
export async function call(method, path, body, more) {
  const options = { method, headers: { "X-Mailknock": "page", ...(more && more.headers) }, credentials: "same-origin" };
  if (typeof body === "string") {
    options.body = body;
    options.headers["Content-Type"] = "text/plain; charset=utf-8";
  } else if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    unreachable();
    throw new Trouble({ detail: t.noAnswer }, 0);
  }
  if (more && more.heard) more.heard(response.headers);
  if (!response.ok) {
    const trouble = await troubleOf(response);
    if (trouble.status === 401 && path !== "/v1/session") signedOut();
    throw trouble;
  }
  if (response.status === 204) return null;
  const type = response.headers.get("Content-Type") || "";
  return type.includes("json") ? response.json() : response.text();
}

export const get = (path) => call("GET", path);

export function query(path, parameters) {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined && value !== null && value !== "") words.set(name, value);
  const text = words.toString();
  return text ? `${path}?${text}` : path;
}

// With progress, which fetch does not tell.
export function upload(file, options, progress) {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    form.append("options", JSON.stringify(options));
    form.append("file", file, file.name);
    const request = new XMLHttpRequest();
    request.open("POST", "/v1/lists");
    request.setRequestHeader("X-Mailknock", "page");
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onerror = () => {
      reject(new Trouble({ detail: t.brokenUpload }, 0));
      get("/healthz").catch(() => {}); // is it the server, or this file?
    };
    request.onload = () => {
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        answer = { title: request.statusText };
      }
      if (request.status === 201) resolve(answer);
      else reject(new Trouble(answer, request.status));
    };
    request.send(form);
  });
}
