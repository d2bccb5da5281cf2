"use strict";
(() => {
  const root = document.documentElement;
  const one = (id) => document.getElementById(id);
  const announce = (text) => { one("announce").textContent = text; };

  // The theme: as the system has it, until somebody chooses. Storage is refused to some sandboxed pages.
  const theme = one("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const kept = () => { try { return localStorage.getItem("livekit-doctor-theme"); } catch { return null; } };
  const keep = (name) => { try { localStorage.setItem("livekit-doctor-theme", name); } catch { /* not kept */ } };
  let chosen = kept();
  const other = () => ((chosen || (system.matches ? "dark" : "light")) === "dark" ? "light" : "dark");
  const show = () => {
    if (chosen === "dark" || chosen === "light") root.dataset.theme = chosen;
    theme.textContent = other() === "dark" ? "Dark theme" : "Light theme"; // what a press leads to
  };
  theme.addEventListener("click", () => {
    chosen = other();
    keep(chosen);
    show();
  });
  system.addEventListener("change", show);
  theme.hidden = false;
  show();

  // Copying, also where a page may not use the clipboard.
  const selected = (node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    return document.execCommand("copy");
  };
  for (const button of document.querySelectorAll(".copy")) {
    button.hidden = false;
    const label = button.firstElementChild;
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      let done = true;
      try {
        await navigator.clipboard.writeText(code.textContent.replace(/\n$/, ""));
      } catch {
        done = selected(code);
        button.focus();
      }
      label.textContent = done ? "Copied" : "Selected";
      announce(done ? "Copied" : "Selected: copy it with the keyboard");
      setTimeout(() => { label.textContent = "Copy"; announce(""); }, 2000);
    });
  }

  // The timeline's filter.
  const form = one("filter");
  if (form) {
    const entries = [...one("entries").children].map((row) => ({
      row, source: row.dataset.s, proof: "e" in row.dataset, text: row.textContent.toLowerCase(),
    }));
    const total = entries.length.toLocaleString("en");
    const boxes = [...form.querySelectorAll("[name=source]")];
    const only = one("only");
    const filter = () => {
      const sources = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
      const words = one("find").value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const { row, source, proof, text } of entries) {
        const fits = sources.has(source) && !(only?.checked && !proof) && words.every((word) => text.includes(word));
        if (row.hidden === fits) row.hidden = !fits;
        shown += fits;
      }
      const few = shown === entries.length ? total : `${shown.toLocaleString("en")} of ${total}`;
      one("count").textContent = `${few} ${entries.length === 1 ? "entry" : "entries"}`;
    };
    let waiting = 0;
    form.addEventListener("input", () => {
      cancelAnimationFrame(waiting);
      waiting = requestAnimationFrame(filter);
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
    filter();
    // Rows that were never seen have no height yet, and the browser's own End stops short of the last.
    one("entries").addEventListener("keydown", (event) => {
      const last = event.key === "End" && entries.findLast(({ row }) => !row.hidden);
      if (!last) return;
      event.preventDefault();
      last.row.scrollIntoView({ block: "end" });
    });
  }

  // Paper can't be unfolded. The style sheet does it too, in browsers that can.
  const folded = () => [...document.querySelectorAll(".print-open:not([open])")];
  let opened = [];
  addEventListener("beforeprint", () => { opened = folded(); for (const one of opened) one.open = true; });
  addEventListener("afterprint", () => { for (const one of opened) one.open = false; });
})();
