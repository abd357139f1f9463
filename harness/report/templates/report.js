"use strict";
(() => {
  const $ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const box = document.querySelector(".tools"), input = document.getElementById("_q"), told = document.getElementById("_qn");
  box.hidden = false;

  // The theme: a click turns what the system says.
  document.getElementById("_theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  // The filter. Words are joined by "and": code:WL101 tool:fuse scenario:ghost, a state, or any word of a scenario.
  const states = ["passed", "known", "new", "fixed", "broken", "skipped", "excluded"];
  const alias = { finding: "new", failed: "new", pass: "passed" };
  const heads = $(".grid th.profile").map((th) => th.dataset.tool.toLowerCase());
  const sections = new Map($("section.scenario").map((s) => [s.dataset.scenario, s]));
  const text = new Map([...sections].map(([name, s]) => [name, (name + " " + $("h2, .guards", s).map((e) => e.textContent).join(" ")).toLowerCase()]));
  const rows = $(".grid tbody tr").map((tr) => ({
    tr, name: tr.dataset.scenario,
    fields: [...tr.cells].slice(1).map((td, i) => ({ td, state: td.className.split(" ")[0], codes: (td.dataset.c || "").toLowerCase(), tool: heads[i] })),
  }));
  const sentences = $("ul.said > li");

  function parse(query) {
    const want = { code: [], tool: [], scenario: [], state: [], word: [] };
    for (const token of query.toLowerCase().split(/\s+/).filter(Boolean)) {
      const match = /^(code|tool|scenario|outcome):(.+)$/.exec(token);
      const plain = alias[token] || token;
      if (match && match[1] === "outcome") want.state.push(alias[match[2]] || match[2]);
      else if (match) want[match[1]].push(match[2]);
      else if (states.includes(plain)) want.state.push(plain);
      else if (/^wl\d+$/.test(token)) want.code.push(token);
      else want.word.push(token);
    }
    return want;
  }

  function apply() {
    const query = input.value.trim(), want = parse(query), narrow = want.code.length + want.tool.length + want.state.length > 0;
    const shown = new Set();
    const fits = (codes, tool, state) =>
      want.code.every((c) => codes.includes(c)) && want.tool.every((t) => tool.includes(t)) && (!want.state.length || want.state.includes(state));
    for (const row of rows) {
      const named = want.scenario.every((w) => row.name.toLowerCase().includes(w)) && want.word.every((w) => (text.get(row.name) || row.name.toLowerCase()).includes(w));
      let hits = 0;
      for (const f of row.fields) {
        const hit = f.state !== "" && fits(f.codes, f.tool, f.state);
        f.td.classList.toggle("dim", narrow && !hit);
        hits += hit;
      }
      const visible = named && (!narrow || hits > 0);
      row.tr.hidden = !visible;
      if (visible) shown.add(row.name);
    }
    for (const [name, section] of sections) section.hidden = !shown.has(name);
    for (const li of sentences) {
      const d = li.dataset;
      const hit = fits(d.code.toLowerCase(), d.tools.toLowerCase(), d.state) && d.scenarios.split(" ").some((name) => shown.has(name));
      li.hidden = query !== "" && !hit;
    }
    if (query) for (const more of $("details.more")) more.open = true;
    told.value = query ? `${shown.size} of ${rows.length} scenarios` : "";
  }

  function remember() {
    const url = new URL(location.href), query = input.value.trim();
    if (query) url.searchParams.set("q", query); else url.searchParams.delete("q");
    try { history.replaceState(null, "", url); } catch { /* some browsers refuse it for files: the filter works all the same */ }
  }

  const wanted = () => new URLSearchParams(location.search).get("q") || "";
  input.value = wanted();
  if (input.value) apply();
  input.addEventListener("input", () => { apply(); remember(); });
  addEventListener("popstate", () => { if (wanted() !== input.value.trim()) { input.value = wanted(); apply(); } });
  addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== input) { event.preventDefault(); input.focus(); }
    if (event.key === "Escape" && document.activeElement === input) { input.value = ""; apply(); remember(); }
  });
  // A link may lead to what the filter hides: then the filter gives way.
  addEventListener("hashchange", () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.closest("[hidden]")) { input.value = ""; apply(); remember(); target.scrollIntoView(); }
  });

  // Copy buttons: made here, since without a script they would do nothing.
  for (const pre of $("details.script pre")) {
    const button = document.createElement("button");
    button.type = "button"; button.className = "copy"; button.textContent = "Copy";
    button.addEventListener("click", async () => {
      try { await navigator.clipboard.writeText(pre.textContent); button.textContent = "Copied"; }
      catch { getSelection().selectAllChildren(pre); button.textContent = "Selected: press Ctrl+C"; }
    });
    pre.before(button);
  }

  // On paper everything raw that is short is open; scripts and snapshots stay folded unless they are open already.
  addEventListener("beforeprint", () => { for (const d of $("details.equal, details.reasons, details.more")) d.open = true; });
})();
