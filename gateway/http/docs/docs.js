"use strict";

// Everything is put in as text, never as markup.
function node(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Backticks in a text mean code, as in Markdown.
function prose(text) {
  const shown = node("span");
  (text || "").split("`").forEach((part, index) => shown.append(index % 2 ? node("code", {}, part) : part));
  return shown;
}

const lastPart = (reference) => reference.split("/").pop();

function typeOf(schema) {
  if (!schema || Object.keys(schema).length === 0) return "anything";
  if (schema.$ref) {
    const name = lastPart(schema.$ref);
    return node("a", { href: "#schema-" + name }, name);
  }
  const several = schema.anyOf || schema.oneOf;
  if (several) {
    const shown = node("span");
    several.forEach((one, index) => shown.append(index ? " or " : "", typeOf(one)));
    return shown;
  }
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.type === "array") return node("span", {}, "list of ", typeOf(schema.items));
  return schema.format || schema.type || "anything";
}

function bounds(schema) {
  const words = { minimum: "from", maximum: "to", minLength: "at least", maxLength: "at most", default: "default" };
  const pattern = schema.pattern ? ["matches " + schema.pattern] : [];
  return [...Object.keys(words).filter((key) => schema[key] !== undefined && schema[key] !== null)
    .map((key) => words[key] + " " + JSON.stringify(schema[key])), ...pattern].join(", ");
}

function table(rows) {
  const body = node("tbody");
  for (const [name, type, text] of rows) {
    body.append(node("tr", {}, node("th", { scope: "row" }, node("code", {}, name)), node("td", {}, type), node("td", {}, prose(text))));
  }
  return node("table", {}, body);
}

function fields(schema) {
  const required = new Set(schema.required || []);
  return table(Object.entries(schema.properties || {}).map(([name, field]) => [
    name + (required.has(name) ? "" : "?"),
    typeOf(field),
    [field.description, bounds(field)].filter(Boolean).join("; "),
  ]));
}

function example(schema, all) {
  if (!schema) return null;
  if (schema.$ref) return example(all[lastPart(schema.$ref)], all);
  if (schema.anyOf) return example(schema.anyOf[0], all);
  if (schema.examples) return schema.examples[0];
  if (schema.enum) return schema.enum[0];
  if (schema.default !== undefined && schema.default !== null) return schema.default;
  if (schema.type === "object") {
    const made = {};
    for (const name of schema.required || []) made[name] = example(schema.properties[name], all);
    return made;
  }
  return schema.type === "integer" ? 1 : schema.type === "boolean" ? true : "…";
}

function curl(method, path, operation, all) {
  const words = ["curl -sS"];
  if (method !== "get") words.push("-X " + method.toUpperCase());
  if (operation.security) words.push("-H \"Authorization: Bearer $KEY\"");
  const content = operation.requestBody && operation.requestBody.content["application/json"];
  if (content) words.push("-H 'Content-Type: application/json'", "-d '" + JSON.stringify(example(content.schema, all)) + "'");
  if (path === "/v1/events") words.push("-N");
  return [...words, "'" + location.origin + path + "'"].join(" \\\n  ");
}

function parameters(operation) {
  return operation.parameters.map((one) => [
    one.name + (one.required ? "" : "?"),
    typeOf(one.schema),
    [one.in, one.description, bounds(one.schema)].filter(Boolean).join("; "),
  ]);
}

function answers(operation) {
  return Object.entries(operation.responses).map(([status, response]) => {
    const shown = node("span");
    Object.entries(response.content || {}).forEach(([media, content], index) => {
      shown.append(index ? ", or " : "", typeOf(content["x-event-data"] || content.schema), node("span", { class: "soft" }, " " + media));
    });
    return [status, shown, response.description];
  });
}

function article(method, path, operation, all) {
  const content = operation.requestBody && operation.requestBody.content["application/json"];
  const rows = parameters(operation);
  return node("article", { id: operation.operationId },
    node("h3", {}, node("span", { class: "method " + method }, method.toUpperCase()), " " + path),
    node("p", {}, prose(operation.summary)),
    rows.length ? node("h4", {}, "Parameters") : null,
    rows.length ? table(rows) : null,
    content ? node("h4", {}, "Body") : null,
    content ? node("p", {}, typeOf(content.schema)) : null,
    node("h4", {}, "Answers"), table(answers(operation)),
    node("h4", {}, "Try it"), node("pre", { tabindex: 0 }, curl(method, path, operation, all)));
}

function show(document_) {
  const page = document.getElementById("page");
  const contents = document.getElementById("contents");
  const all = document_.components.schemas;
  document.title = document_.info.title;
  page.replaceChildren(
    node("h1", {}, document_.info.title + " " + document_.info.version),
    node("p", {}, prose(document_.info.description)),
    node("p", {}, "For programs: ", node("a", { href: "/openapi.json" }, "/openapi.json"), "."));
  for (const tag of document_.tags) {
    contents.append(node("h2", {}, tag.name));
    page.append(node("h2", {}, "For " + tag.name));
    for (const [path, methods] of Object.entries(document_.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        if (!operation.tags.includes(tag.name)) continue;
        page.append(article(method, path, operation, all));
        contents.append(node("a", { href: "#" + operation.operationId }, method.toUpperCase() + " " + path));
      }
    }
  }
  page.append(node("h2", {}, "Types"));
  for (const [name, schema] of Object.entries(all)) {
    page.append(node("article", { id: "schema-" + name },
      node("h3", {}, name), schema.description ? node("p", {}, prose(schema.description)) : null,
      schema.enum ? node("p", {}, node("code", {}, schema.enum.join(" | "))) : fields(schema)));
  }
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

fetch("/openapi.json")
  .then((answer) => answer.ok ? answer.json() : Promise.reject(new Error("status " + answer.status)))
  .then(show)
  .catch((error) => document.getElementById("page").replaceChildren(node("p", {}, "The description could not be read: " + error.message)));
