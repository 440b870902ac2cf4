// Suggestions below the search field in the header; "/" goes to it. Without this script the field is a form like any other.
(() => {
  const field = document.getElementById("find");
  if (!field) return;
  const root = field.form.action.replace(/\+search$/, "");
  const list = document.createElement("ul");
  list.id = "found";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Projects that fit");
  field.form.append(list);
  const set = (attributes) => Object.entries(attributes).forEach(([name, value]) => field.setAttribute(name, value));
  set({ role: "combobox", "aria-autocomplete": "list", "aria-controls": list.id, "aria-expanded": "false" });
  let asking = null, waiting = 0, chosen = -1;

  const choose = (at) => {
    const all = [...list.children];
    chosen = all.length && at >= -1 ? (at >= all.length ? -1 : at) : all.length - 1;
    all.forEach((one, place) => one.setAttribute("aria-selected", String(place === chosen)));
    if (chosen < 0) return field.removeAttribute("aria-activedescendant");
    field.setAttribute("aria-activedescendant", all[chosen].id);
    all[chosen].scrollIntoView({ block: "nearest" });
  };
  const close = () => {
    if (asking) asking.abort();
    clearTimeout(waiting);
    list.hidden = true;
    list.replaceChildren();
    choose(-1);
    set({ "aria-expanded": "false" });
  };
  const part = (name, text) => {
    const span = document.createElement("span");
    span.className = name;
    span.textContent = text;
    return span;
  };
  const show = (results) => {
    list.replaceChildren(...results.map((one, at) => {
      const item = document.createElement("li");
      item.id = "found-" + at;
      item.setAttribute("role", "option");
      const path = [...one.index.split("/"), one.project].map(encodeURIComponent).join("/");
      item.dataset.to = root + path;
      item.append(part("name", one.name), " ", part("version", one.version), " ", part("soft", one.index));
      if (one.summary) item.append(part("about", one.summary));
      return item;
    }));
    list.hidden = !results.length;
    set({ "aria-expanded": String(results.length > 0) });
    choose(-1);
  };
  const ask = async () => {
    const typed = field.value.trim();
    if (asking) asking.abort();
    if (typed.length < 2) return close();
    asking = new AbortController();
    const address = root + "+search?each=10&q=" + encodeURIComponent(typed);
    try {
      const answer = await fetch(address, { signal: asking.signal, headers: { accept: "application/json" } });
      if (answer.ok) show((await answer.json()).result.results);
    } catch (error) {
      if (error.name !== "AbortError") close();
    }
  };

  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(ask, 120);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      if (list.hidden) field.blur();
      close();
    } else if (event.key === "Enter" && chosen >= 0) {
      event.preventDefault();
      location.assign(list.children[chosen].dataset.to);
    } else if (!list.hidden && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      choose(event.key === "ArrowDown" ? chosen + 1 : chosen - 1 < -1 ? -2 : chosen - 1);
    }
  });
  // Before the field loses the focus, which closes the list.
  list.addEventListener("mousedown", (event) => {
    const item = event.target.closest("li");
    event.preventDefault();
    if (item) location.assign(item.dataset.to);
  });
  field.addEventListener("blur", close);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    field.focus();
    field.select();
  });
})();
