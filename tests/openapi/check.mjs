// Is the description valid OpenAPI 3.1, and is every recorded answer what it promises?
// check.mjs OPENAPI.JSON RECORDING: lines of {method, path, status, type, body}.
import fs from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const METHODS = ["get", "post", "put", "patch", "delete"];
const [descriptionPath, recordingPath] = process.argv.slice(2);
const description = JSON.parse(fs.readFileSync(descriptionPath, "utf8"));
const complaints = new Set();

const validity = await new Validator().validate(structuredClone(description));
if (!validity.valid) complaints.add(`not OpenAPI: ${JSON.stringify(validity.errors)}`);

const ajv = new Ajv({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema(description, "description");

const operations = Object.entries(description.paths).flatMap(([path, item]) =>
  METHODS.filter((method) => item[method]).map((method) => ({
    path, method, operation: item[method],
    // Literal segments win over "{id}": /lists/{id}/start is not /lists/{id}/{verb}.
    pattern: new RegExp(`^${path.replace(/[.+]/g, "\\$&").replace(/\{[^}]+\}/g, "[^/]+")}/?$`),
  })));

function pointer(...parts) {
  return "description#/" + parts.map((part) =>
    encodeURIComponent(part.replace(/~/g, "~0").replace(/\//g, "~1"))).join("/");
}

const seen = new Map();
for (const line of fs.readFileSync(recordingPath, "utf8").split("\n").filter(Boolean)) {
  const { method, path, status, type, body } = JSON.parse(line);
  const found = operations.find((one) =>
    one.method === method.toLowerCase() && one.pattern.test(path.split("?")[0]));
  if (!found) continue; // nothing is promised there
  const where = `${method} ${found.path} ${status}`;
  const key = found.operation.responses[status] ? String(status) : "default";
  const response = found.operation.responses[key];
  if (!response) { complaints.add(`${where}: no such answer is described`); continue; }
  if (status < 300) seen.set(`${found.method} ${found.path}`, status);
  const kind = type.split(";")[0].trim();
  if (!response.content) {
    if (body) complaints.add(`${where}: a body that is not described`);
    continue;
  }
  if (!response.content[kind]) {
    complaints.add(`${where}: ${kind || "no type"} is not described`);
    continue;
  }
  if (!/[/+]json$/.test(kind) || !response.content[kind].schema) continue;
  const check = ajv.compile({
    $ref: pointer("paths", found.path, found.method, "responses", key, "content", kind, "schema"),
  });
  if (!check(JSON.parse(body)))
    complaints.add(`${where}: ${ajv.errorsText(check.errors)}: ${body.slice(0, 300)}`);
}
// What no test ever got an answer from is not checked by this either.
const missed = operations.map((one) => `${one.method} ${one.path}`).filter((one) => !seen.has(one));
console.log(`${seen.size} of ${operations.length} operations answered; not: ${missed.join(", ") || "none"}`);
if (seen.size < operations.length * 0.8) complaints.add("too few operations were answered");
for (const complaint of complaints) console.log(complaint);
process.exit(complaints.size > 0 ? 1 : 0);
