"use strict";

// Moves the bar of a sync that goes on. Without JavaScript the page refreshes itself instead.
const EVERY_MS = 800;
const PATIENT_MS = 5000;

function show(box, now) {
  box.querySelector("progress").value = now.percent;
  const message = box.querySelector(".progress-message");
  if (message.textContent !== now.message) message.textContent = now.message;
  const badge = box.querySelector(".badge-state");
  const words = { none: "Planned", waiting: "Waiting", running: "Running", completed: "Complete", failed: "Failed", canceled: "Canceled" };
  const tones = { completed: "good", failed: "bad", running: "busy", waiting: "busy" };
  badge.textContent = words[now.state];
  badge.className = `badge-state badge-${tones[now.state] || "quiet"}`;
  const kinds = now.kinds.map((kind) => {
    const item = document.createElement("li");
    const figure = document.createElement("span");
    figure.className = "figure";
    figure.textContent = kind.done;
    item.append(figure, ` ${kind.name}`);
    if (kind.finished) {
      const done = document.createElement("span");
      done.className = "quiet";
      done.textContent = " · complete";
      item.append(done);
    }
    return item;
  });
  box.querySelector(".progress-kinds").replaceChildren(...kinds);
}

async function watch(box) {
  let pause = EVERY_MS;
  for (;;) {
    await new Promise((wake) => setTimeout(wake, pause));
    try {
      const answer = await fetch(box.dataset.progress, { headers: { Accept: "application/json" }, credentials: "same-origin" });
      if (answer.status === 401 || answer.status === 403 || answer.status === 404) return;
      if (!answer.ok) throw new Error(String(answer.status));
      const now = await answer.json();
      show(box, now);
      if (!now.going_on) {
        if (box.dataset.reload) location.reload();
        return;
      }
      pause = now.state === "running" ? EVERY_MS : Math.min(pause * 1.2, PATIENT_MS);
    } catch {
      pause = PATIENT_MS;  // the server is away for a moment: ask less often
    }
  }
}

for (const box of document.querySelectorAll("[data-progress]")) {
  for (const each of box.querySelectorAll(".no-script-only")) each.remove();
  watch(box);
}
