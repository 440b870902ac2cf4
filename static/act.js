// The one script of the pages. It sends forms as JSON to the API and says what comes of it; pages are read without it.
"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const named = (form, name) => form.elements.namedItem(name);
  const filled = (template, fields) =>
    template.replace(/\{([\w-]+)\}/g, (_, name) => encodeURIComponent(fields[name] ?? ""));

  /* ---- a form as JSON ---- */

  // What a field says: `data-type` is text (or nothing), list, bool, number or json.
  function value(field) {
    const text = field.value.trim();
    switch (field.dataset.type) {
      case "bool": return field.type === "checkbox" ? field.checked : text === "true";
      case "number": return Number(text);
      case "json": return JSON.parse(text);
      case "list": return text.split(/[,\n]/).map(item => item.trim()).filter(item => item);
      default: return field.type === "password" ? field.value : text;
    }
  }

  // Names with dots are objects in objects; ticked boxes of one name with data-type="list" are one list.
  function put(body, field) {
    const path = field.name.split(".");
    const last = path.pop();
    const place = path.reduce((inner, key) => (inner[key] ??= {}), body);
    const list = field.dataset.type === "list" && field.type === "checkbox";
    if (list) { place[last] ??= []; if (field.checked) place[last].push(field.value); }
    else place[last] = value(field);
  }

  function read(form) {
    const body = {}, inPath = {}, template = form.getAttribute("action") + (form.dataset.to ?? "");
    for (const field of form.elements) {
      if (!field.name || field.disabled || ["csrf", "confirm"].includes(field.name)) continue;
      if (["submit", "button", "file"].includes(field.type) || field.type === "radio" && !field.checked) continue;
      if (template.includes(`{${field.name}}`)) { inPath[field.name] = field.value.trim(); continue; }
      if ("optional" in field.dataset && field.value.trim() === "") continue;
      put(body, field);
    }
    return { body, inPath };
  }

  const quoted = text => `'${text.replaceAll("'", "'\\''")}'`;

  // The call that the page shows says what the form says now.
  function show(form) {
    const place = form.querySelector("[data-call-body]");
    if (!place || "raw" in form.dataset) return;
    try {
      const { body } = read(form);
      place.textContent = Object.keys(body).length ? ` --json ${quoted(JSON.stringify(body))}` : "";
    } catch { /* a field is half written */ }
  }

  /* ---- sending it ---- */

  async function ask(method, url, token, body, type = "application/json") {
    const headers = { accept: "application/json", "x-csrf-token": token };
    if (body !== undefined) headers["content-type"] = type;
    const answer = await fetch(url, { method, headers, body, credentials: "same-origin" });
    const text = await answer.text();
    let told = {};
    try { told = JSON.parse(text); } catch { told = { message: text.trim() }; }
    if (!answer.ok) throw new Error(told.message || told.detail || `the server answered ${answer.status}`);
    return told;
  }

  function say(form, text, mood) {
    let place = form.querySelector("output");
    if (!place) { place = document.createElement("output"); place.setAttribute("role", "alert"); form.append(place); }
    place.className = mood;
    place.textContent = text;
  }

  async function send(event) {
    const form = event.currentTarget;
    event.preventDefault();
    const buttons = all("button", form);
    buttons.forEach(button => { button.disabled = true; });
    say(form, "", "");
    try {
      const { body, inPath } = read(form);
      // A button may say more: `data-with` is JSON.
      Object.assign(body, JSON.parse(event.submitter?.dataset.with ?? "{}"));
      const raw = form.dataset.raw && named(form, form.dataset.raw).value;
      const sent = raw ?? (Object.keys(body).length || form.dataset.call !== "DELETE" ? JSON.stringify(body) : undefined);
      const url = filled(form.getAttribute("action"), inPath);
      const told = await ask(form.dataset.call, url, named(form, "csrf")?.value ?? "", sent,
        form.dataset.raw ? "text/plain; charset=utf-8" : undefined);
      const to = form.dataset.to;
      // Shown once, here: the page does not go away. `data-show` is where in the answer it stands.
      if (form.dataset.show) {
        const shown = form.dataset.show.split(".").reduce((inner, key) => inner?.[key], told);
        say(form, typeof shown === "string" ? shown : JSON.stringify(shown, null, 1), "shown");
        form.dispatchEvent(new CustomEvent("done", { detail: told, bubbles: true }));
      } else if (to !== undefined) location.assign(filled(to, { ...inPath, ...told, ...told.result }) || "./");
      else location.reload();
    } catch (error) {
      say(form, error instanceof TypeError ? "The server cannot be reached. Try again." : error.message, "bad");
    }
    buttons.forEach(button => { button.disabled = false; });
    confirmed(form);
  }

  // A button works once the name was typed that `data-confirm` has.
  function confirmed(form) {
    if (form.dataset.confirm === undefined) return;
    const typed = named(form, "confirm")?.value.trim() === form.dataset.confirm;
    all("button:not([type=button])", form).forEach(button => { button.disabled = !typed; });
  }

  for (const form of all("form[data-call]")) {
    form.addEventListener("submit", send);
    for (const kind of ["input", "change"]) form.addEventListener(kind, () => { show(form); confirmed(form); });
    show(form);
    confirmed(form);
  }

  // A form without data-call is sent once, however often its button is pressed.
  for (const form of all("form[method=post]:not([data-call])")) {
    form.addEventListener("submit", () => setTimeout(() => all("button", form).forEach(b => { b.disabled = true; })));
  }

  // `data-copy` is the selector of what a button copies.
  for (const button of all("button[data-copy]")) {
    // Browsers let pages copy only over HTTPS, and on this machine.
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.querySelector(button.dataset.copy)?.textContent ?? "");
      const before = button.textContent;
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = before; }, 1500);
    });
  }
})();
