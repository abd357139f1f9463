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

  // The filter. Words are joined by "and": code:WL101 tool:fuse scenario:ghost, a state, or any word of a scenario or a defect.
  const states = ["passed", "known", "new", "fixed", "broken", "skipped", "excluded"];
  const alias = { finding: ["new"], failed: ["new", "fixed"], gone: ["fixed"], back: ["new"], pass: ["passed"] };
  const head = (th) => th.dataset.tool.toLowerCase();
  const heads = $(".grid th.profile").map(head);
  const sections = new Map($("section.scenario").map((s) => [s.dataset.scenario, s]));
  const words = (root, what) => $(what, root).map((e) => e.textContent).join(" ");
  const text = new Map([...sections].map(([name, s]) => [name, (name + " " + words(s, "h2, .guards, .findings td:last-child")).toLowerCase()]));
  const rows = $(".grid tbody tr").map((tr) => ({
    tr, name: tr.dataset.scenario,
    fields: [...tr.cells].slice(1).map((td, i) => ({ td, state: td.className.split(" ")[0], codes: (td.dataset.c || "").toLowerCase(), tool: heads[i] })),
  }));
  const defects = $("table.defects").flatMap((table) => {
    const tools = $("th[data-tool]", table).map(head);
    return $("tbody tr", table).map((tr) => ({
      tr, codes: tr.dataset.c.toLowerCase(), text: words(tr, "th, .about").toLowerCase(),
      fields: [...tr.cells].slice(1, -1).map((td, i) => ({ state: td.className.split(" ")[0], tool: tools[i] })),
    }));
  });
  const sentences = $("ul.said > li[data-code]");

  function parse(query) {
    const want = { code: [], tool: [], scenario: [], state: [], word: [], tokens: query.toLowerCase().split(/\s+/).filter(Boolean) };
    for (const token of want.tokens) {
      const match = /^(code|tool|scenario|outcome):(.+)$/.exec(token);
      const word = match && match[1] === "outcome" ? match[2] : token, state = alias[word] || [word];
      if (states.includes(state[0])) want.state.push(...state);
      else if (match) want[match[1] === "outcome" ? "word" : match[1]].push(match[2]);
      else if (/^wl\d+$/.test(token)) want.code.push(token);
      else want.word.push(token);
    }
    return want;
  }

  const fits = (want, f) =>
    want.code.every((c) => f.codes.includes(c)) && want.tool.every((t) => f.tool.includes(t)) && (!want.state.length || want.state.includes(f.state));
  const isNamed = (want, row) =>
    want.scenario.every((w) => row.name.toLowerCase().includes(w)) && want.word.every((w) => (text.get(row.name) || row.name.toLowerCase()).includes(w));
  const hasDefect = (want, d) => !want.scenario.length && want.word.every((w) => d.text.includes(w)) && want.code.every((c) => d.codes.includes(c))
    && (want.tool.length + want.state.length === 0 || d.fields.some((f) => f.state !== "none" && fits({ ...want, code: [] }, f)));

  // A word that nothing here has is most often misspelt, or wants its key: that is said, and not shown as "none".
  function strange(token) {
    const want = parse(token);
    if (want.state.length) return "";
    if (rows.some((r) => isNamed(want, r) && (want.word.length + want.scenario.length || r.fields.some((f) => f.state && fits(want, f)))) || defects.some((d) => hasDefect(want, d))) return "";
    const tool = heads.some((h) => h.includes(token)) ? `; a tool or profile is tool:${token}` : "";
    return `“${token}” means nothing here${tool}`;
  }

  function apply() {
    const query = input.value.trim(), want = parse(query), narrow = want.code.length + want.tool.length + want.state.length > 0;
    const shown = new Set();
    for (const row of rows) {
      const named = isNamed(want, row);
      let hits = 0;
      for (const f of row.fields) {
        const hit = f.state !== "" && fits(want, f);
        f.td.classList.toggle("dim", narrow && !hit);
        hits += hit;
      }
      const visible = named && (!narrow || hits > 0);
      row.tr.hidden = !visible;
      if (visible) shown.add(row.name);
    }
    for (const [name, section] of sections) section.hidden = !shown.has(name);
    let found = 0;
    for (const d of defects) { d.tr.hidden = query !== "" && !hasDefect(want, d); found += !d.tr.hidden; }
    for (const li of sentences) {
      const d = li.dataset;
      const hit = fits(want, { codes: d.code.toLowerCase(), tool: d.tools.toLowerCase(), state: d.state }) && d.scenarios.split(" ").some((name) => shown.has(name));
      li.hidden = query !== "" && !hit;
    }
    if (query) for (const more of $("details.more")) more.open = true;
    if (query && shown.size <= 3) for (const name of shown) for (const body of $("details.body", sections.get(name))) body.open = true;
    for (const button of $(".tally button")) button.setAttribute("aria-pressed", String(button.parentNode.dataset.q === query));
    const odd = want.tokens.map(strange).filter(Boolean);
    told.value = !query ? "" : odd.length ? odd.join("; ") : `${shown.size} of ${rows.length} scenarios` + (defects.length ? `, ${found} of ${defects.length} defects` : "");
  }

  function remember() {
    const url = new URL(location.href), query = input.value.trim();
    if (query) url.searchParams.set("q", query); else url.searchParams.delete("q");
    try { history.replaceState(null, "", url); } catch { /* some browsers refuse it for files: the filter works all the same */ }
  }

  // The counts are filters: buttons are made here, since without a script they would do nothing.
  for (const li of $(".tally li")) {
    const button = document.createElement("button");
    button.type = "button"; button.append(...li.childNodes); button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => { input.value = input.value.trim() === li.dataset.q ? "" : li.dataset.q; apply(); remember(); });
    li.append(button);
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
  // A link may lead to what the filter hides, or to what is folded: then the filter gives way, and the fold opens.
  function arrive() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    const hidden = target.closest("[hidden]");
    if (hidden) { input.value = ""; apply(); remember(); }
    let opened = false;
    for (let at = target.closest("details"); at; at = at.parentNode.closest("details")) { opened ||= !at.open; at.open = true; }
    if (hidden || opened) target.scrollIntoView();
  }
  addEventListener("hashchange", arrive);
  if (location.hash) arrive();

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
  addEventListener("beforeprint", () => { for (const d of $("details.equal, details.reasons, details.more, details.body")) d.open = true; });
})();
