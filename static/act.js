// The one script of the pages. It sends forms as JSON to the API and says what comes of it; pages are read without it.
"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const named = (form, name) => form.elements.namedItem(name);
  // `alice/dev` is two steps of a path.
  const step = text => String(text).split("/").map(part => {
    if (part === "." || part === "..") throw new Error(`'${part}' is not a name.`);
    return encodeURIComponent(part);
  }).join("/");
  const filled = (template, fields, without = "") =>
    template.replace(/\{([\w-]+)\}/g, (_, name) => step(fields[name] || without));

  /* ---- a form as JSON ---- */

  // What a field says: `data-type` is text (or nothing), list, bool, number or json.
  function value(field) {
    const text = field.value.trim();
    switch (field.dataset.type) {
      case "bool": return field.type === "checkbox" ? field.checked : text === "true";
      case "number": {
        const number = Number(text);
        if (!Number.isFinite(number)) throw new Error(`${field.name}: '${text}' is not a number.`);
        return number;
      }
      case "json": return JSON.parse(text);
      // Names have no commas; what stands one a line may: `numpy>=1.0,<2.0`.
      case "list": return text.split(field.dataset.rows === "" ? "\n" : /[,\n]/).map(item => item.trim()).filter(item => item);
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

  function isChanged(field) {
    if (field.tagName === "SELECT") {
      const before = [...field.options].find(option => option.defaultSelected) ?? field.options[0];
      return field.value !== before?.value;
    }
    return field.type === "checkbox" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
  }

  // The fields of the body, and those that stand in the address: `{name}` in `action`.
  // With `data-changed` only what differs is sent, and what was emptied as null (or as an empty list).
  function read(form) {
    const body = {}, inPath = {}, action = form.getAttribute("action"), to = form.dataset.to ?? "";
    for (const field of form.elements) {
      if (!field.name || field.matches(":disabled") || ["csrf", "confirm"].includes(field.name)) continue;
      if (["submit", "button", "file"].includes(field.type) || field.type === "radio" && !field.checked) continue;
      if (to.includes(`{${field.name}}`)) inPath[field.name] = field.value.trim();
      if (action.includes(`{${field.name}}`)) { inPath[field.name] = field.value.trim(); continue; }
      const empty = field.value.trim() === "";
      if ("optional" in field.dataset && empty) continue;
      if ("changed" in form.dataset) {
        if (!isChanged(field)) continue;
        if (empty && field.dataset.empty !== "list") { body[field.name] = null; continue; }
      }
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
      const { body, inPath } = read(form);
      // Others may look at the screen.
      for (const field of form.elements) if (field.type === "password" && body[field.name]) body[field.name] = "…";
      const address = form.querySelector("[data-call-place]");
      if (address) address.textContent = quoted(new URL(filled(form.getAttribute("action"), inPath, "NAME"), location.href).href);
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
        const text = typeof shown === "string" ? shown : JSON.stringify(shown ?? told.message);
        say(form, form.dataset.told ? `${form.dataset.told}\n${text}` : text, "shown");
        form.dispatchEvent(new CustomEvent("done", { detail: told, bubbles: true }));
      } else if (to === undefined) location.reload();
      else {
        const known = { ...inPath, ...told.result };
        const missing = [...to.matchAll(/\{([\w-]+)\}/g)].some(([, name]) => known[name] === undefined);
        if (missing) say(form, told.message ?? "Done.", "good");
        else location.assign(filled(to, known));
      }
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

  /* ---- fields that depend on another: data-when="type=mirror" ---- */

  function fit(form) {
    for (const part of all("[data-when]", form)) {
      const [name, wanted] = part.dataset.when.split("=");
      const fits = named(form, name)?.value === wanted;
      part.hidden = part.disabled = !fits;
    }
  }

  /* ---- a list, one a line, as rows with buttons ---- */

  function rows(area) {
    const ordered = "ordered" in area.dataset, label = area.closest("label");
    const title = label?.firstChild?.textContent.trim() ?? area.name;
    const items = area.value.split("\n").map(item => item.trim()).filter(item => item);
    const box = document.createElement("div"), list = document.createElement("ol");
    const input = document.createElement("input"), add = document.createElement("button");
    box.className = "rows";
    input.setAttribute("aria-label", `Add to ${title}`);
    input.autocomplete = "off";
    if (area.dataset.rows) input.setAttribute("list", area.dataset.rows);
    add.type = "button"; add.className = "plain"; add.textContent = "Add";
    const button = (text, name, act) => {
      const made = document.createElement("button");
      made.type = "button"; made.className = "plain"; made.textContent = text;
      made.setAttribute("aria-label", name);
      made.addEventListener("click", act);
      return made;
    };
    const changed = () => {
      area.value = items.join("\n");
      draw();
      area.dispatchEvent(new Event("input", { bubbles: true }));
    };
    const move = (from, to) => { items.splice(to, 0, ...items.splice(from, 1)); changed(); };
    const draw = () => list.replaceChildren(...items.map((item, at) => {
      const row = document.createElement("li"), name = document.createElement("span");
      name.textContent = item;
      row.append(name);
      if (ordered && at > 0) row.append(button("↑", `Move ${item} up`, () => move(at, at - 1)));
      if (ordered && at + 1 < items.length) row.append(button("↓", `Move ${item} down`, () => move(at, at + 1)));
      row.append(button("×", `Remove ${item}`, () => { items.splice(at, 1); changed(); }));
      return row;
    }));
    const take = () => {
      const typed = area.dataset.rows ? input.value.split(",") : [input.value];
      const fresh = typed.map(text => text.trim()).filter(text => text && !items.includes(text));
      if (fresh.length) { items.push(...new Set(fresh)); input.value = ""; changed(); }
    };
    add.addEventListener("click", take);
    input.addEventListener("keydown", event => { if (event.key === "Enter") { event.preventDefault(); take(); } });
    // What was typed and not added is meant, too.
    area.form?.addEventListener("submit", take, { capture: true });
    draw();
    area.hidden = true;
    const entry = document.createElement("div");
    entry.className = "entry";
    entry.append(input, add);
    box.append(list, entry);
    // Both in one place, as what surrounds them may be a grid.
    const holder = document.createElement("div");
    (label ?? area).replaceWith(holder);
    holder.append(label ?? area, box);
  }

  all("textarea[data-rows]").forEach(rows);

  /* ---- asked while somebody types: what options hide, what is wrong with a text ---- */

  function later(act) {
    let waiting, turn = 0;
    return () => {
      clearTimeout(waiting);
      const mine = ++turn;
      waiting = setTimeout(() => act(() => mine === turn), 400);
    };
  }

  function lines(place, head, items, mood = "") {
    const said = document.createElement("p"), list = document.createElement("ul");
    said.textContent = head;
    said.className = mood;
    list.append(...items.map(item => {
      const line = document.createElement("li");
      line.textContent = item;
      return line;
    }));
    place.replaceChildren(said, ...(items.length ? [list] : []));
  }

  function previews(form) {
    const place = form.querySelector("[data-preview-out]");
    const look = later(async isNewest => {
      try {
        const { body } = read(form);
        if (!Object.keys(body).length) return lines(place, "Nothing is changed yet.", []);
        const told = await ask("POST", form.dataset.preview, named(form, "csrf")?.value ?? "", JSON.stringify(body));
        if (!isNewest()) return;
        const { hidden, shown, projects, complete, lines: some, notes } = told.result;
        const head = `${hidden} would be hidden, ${shown} would be shown, of ${projects} projects that are known here${complete ? "" : " (not all were looked at)"}.`;
        lines(place, head, [...notes, ...some.map(line => `${line.what}: ${line.hidden ? "hidden" : "shown"}${line.why ? `, ${line.why}` : ""}`)]);
      } catch (error) {
        if (isNewest()) lines(place, error.message, [], "bad");
      }
    });
    form.addEventListener("input", look);
    form.addEventListener("change", look);
  }

  // `data-check` is where a text is sent to that may be wrong.
  function checks(area) {
    const form = area.form, place = form.querySelector("[data-check-out]");
    area.addEventListener("input", later(async isNewest => {
      try {
        const raw = "checkRaw" in area.dataset;
        const told = await ask(raw ? "PUT" : "POST", area.dataset.check, named(form, "csrf")?.value ?? "",
          raw ? area.value : JSON.stringify({ text: area.value }), raw ? "text/plain; charset=utf-8" : undefined);
        if (!isNewest()) return;
        const trials = raw && Array.isArray(told.result) ? told.result : [];
        const would = trials.map(trial => `${trial.release}: ${trial.decide ?? "a person decides"}${trial.rule ? ` by ${trial.rule}` : ""}`);
        lines(place, told.message ?? `It can be read. It would decide ${would.length ? "this" : "nothing that is known"}:`, would.slice(0, 50), "good");
      } catch (error) {
        if (isNewest()) lines(place, error.message, [], "bad");
      }
    }));
  }

  all("textarea[data-check]").forEach(checks);

  /* ---- uploads: each file is a request of its own ---- */

  function uploads(form) {
    const chooser = form.querySelector("input[type=file]"), list = form.querySelector("[data-files]");
    chooser.multiple = true;
    const waiting = [];
    let busy = false;
    const next = () => {
      const entry = waiting.shift();
      if (!entry) { busy = false; return; }
      busy = true;
      const { file, said, bar } = entry, body = new FormData();
      for (const field of form.elements) if (field.type === "hidden") body.append(field.name, field.value);
      body.append("content", file, file.name);
      const sending = new XMLHttpRequest();
      sending.open("POST", form.getAttribute("action"));
      sending.setRequestHeader("accept", "application/json");
      sending.upload.addEventListener("progress", event => {
        if (event.lengthComputable) bar.value = event.loaded / event.total;
      });
      sending.addEventListener("loadend", () => {
        bar.remove();
        let told = {};
        try { told = JSON.parse(sending.responseText); } catch { /* no JSON: the connection broke */ }
        const good = sending.status >= 200 && sending.status < 300;
        said.className = good ? "good" : "bad";
        if (good && told.result?.page) {
          const link = document.createElement("a");
          link.href = form.dataset.root + told.result.page;
          link.textContent = `${told.result.project} ${told.result.version}`;
          said.replaceChildren("became ", link);
        } else said.textContent = told.message ?? "the connection broke: try again";
        next();
      });
      sending.send(body);
    };
    const take = files => {
      for (const file of files) {
        const line = document.createElement("li"), name = document.createElement("span");
        const bar = document.createElement("progress"), said = document.createElement("span");
        name.textContent = `${file.name} `;
        bar.max = 1; bar.value = 0;
        bar.setAttribute("aria-label", `Upload of ${file.name}`);
        line.append(name, bar, said);
        list.append(line);
        waiting.push({ file, said, bar });
      }
      if (!busy) next();
    };
    form.addEventListener("submit", event => { event.preventDefault(); take(chooser.files); form.reset(); });
    const over = event => {
      event.preventDefault();
      form.classList.toggle("over", event.type === "dragover");
    };
    form.addEventListener("dragover", over);
    form.addEventListener("dragleave", over);
    form.addEventListener("drop", event => { over(event); take(event.dataTransfer.files); });
    // A file that misses the form must not replace the page.
    for (const kind of ["dragover", "drop"]) addEventListener(kind, event => event.preventDefault());
  }

  all("form[data-drop]").forEach(uploads);

  for (const form of all("form[data-call]")) {
    form.addEventListener("submit", send);
    for (const kind of ["input", "change"]) form.addEventListener(kind, () => { fit(form); show(form); confirmed(form); });
    fit(form);
    show(form);
    confirmed(form);
    if (form.dataset.preview) previews(form);
  }

  // A form without data-call is sent once, however often its button is pressed.
  for (const form of all("form[method=post]:not([data-call], [data-drop])")) {
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
