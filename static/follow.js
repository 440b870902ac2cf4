// Follows a build on its page: appends what its log says, marks its step, and shows the result once it has ended.
"use strict";
(() => {
  const build = document.querySelector("[data-follow]");
  if (!build || !window.EventSource) return;
  const log = document.getElementById("live");
  const box = log.closest("pre");
  const find = (id) => document.getElementById(id);
  const source = new EventSource(build.dataset.follow);
  let line = Number(log.dataset.next) || 0;

  source.addEventListener("log", (event) => {
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    const lines = document.createDocumentFragment();
    for (const text of JSON.parse(event.data).text.replace(/\n$/, "").split("\n")) {
      if (line > 0) {
        const link = document.createElement("a");
        link.id = "L" + line;
        link.href = "#L" + line;
        link.textContent = line;
        lines.append(link);
        line += 1;
      }
      lines.append(text + "\n");
    }
    log.append(lines);
    // A page that is open for hours does not grow for ever.
    while (log.childNodes.length > 8000) log.firstChild.remove();
    find("log-empty").hidden = true;
    if (atEnd) box.scrollTop = box.scrollHeight;
  });
  source.addEventListener("again", () => {
    for (const phase of box.querySelectorAll("details.phase")) if (!phase.contains(log)) phase.remove();
    log.replaceChildren();
    line = 1;
  });
  source.addEventListener("state", (event) => {
    const now = JSON.parse(event.data);
    find("state").textContent = now.state;
    find("state").className = "tag " + now.mood;
    find("said").textContent = now.said;
    for (const step of now.steps) {
      const item = find("step-" + step.name);
      item.className = step.came;
      if (step.came === "now") item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
    }
  });
  source.addEventListener("end", () => {
    source.close();
    location.reload();
  });
  source.addEventListener("error", () => {
    // The server refused: too many follow builds. Look again later.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 10000);
  });
})();
