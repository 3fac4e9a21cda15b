// The exported site: every badge follows the chosen engine, and search looks in a small index. No server is asked.
(() => {
  const one = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const select = one("#worker");
  if (!select) return;
  const { root, sprite } = select.dataset;
  const codes = JSON.parse(select.dataset.codes);
  const SVG = "http://www.w3.org/2000/svg";
  const MOST = 100;

  const make = (name, className, ...children) => {
    const element = document.createElement(name);
    if (className) element.className = className;
    element.append(...children);
    return element;
  };
  const badge = (code) => {
    const [kind, word] = codes[code];
    const icon = document.createElementNS(SVG, "svg");
    const use = document.createElementNS(SVG, "use");
    use.setAttribute("href", `${sprite}#${kind}`);
    for (const [name, value] of Object.entries({ class: "icon", width: 15, height: 15, "aria-hidden": true })) icon.setAttribute(name, value);
    icon.append(use);
    return make("span", `badge ${kind}`, icon, word);
  };
  const verdict = (code) => (codes[code][2] ? [badge(code), make("span", "cause", codes[code][2])] : [badge(code)]);
  const runs = (code) => "123".includes(code);

  // The first engine's words are in the page already, in full: they are kept and put back.
  const original = new WeakMap();
  const showWorker = () => {
    const number = select.selectedIndex;
    for (const name of all("[data-worker-name]")) name.textContent = select.selectedOptions[0].text;
    for (const part of all("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(select.value);
    for (const place of all("[data-v]")) {
      if (!original.has(place)) original.set(place, [...place.childNodes]);
      const code = place.dataset.v[number];
      place.replaceChildren(...(number ? verdict(code) : original.get(place)));
      place.closest(".row")?.classList.toggle("fails", !runs(code));
    }
  };

  let worker = "";
  try {
    worker = localStorage.getItem("engine") ?? "";
  } catch {
    // Storage is blocked: the first engine it is.
  }
  if ([...select.options].some((option) => option.value === worker)) select.value = worker;
  select.addEventListener("change", () => {
    try {
      localStorage.setItem("engine", select.value);
    } catch {
      // The choice holds for this page.
    }
    showWorker();
    search();
  });

  let index;
  const load = async () => {
    const answer = await fetch(`${root}models/index.json`);
    if (!answer.ok) throw new Error(answer.statusText);
    return (await answer.json()).models.map((model) => [model[0].toLowerCase(), ...model]);
  };

  const row = ([, id, verdicts, parameters, license]) => {
    const code = verdicts[select.selectedIndex];
    const link = make("a", "", id);
    link.href = `${root}models/${id.replace("/", "--")}/`;
    const line = make("p", "row-line", make("span", license ? "" : "absent", license || "licence not in our record"));
    const place = make("div", "row-verdict", ...verdict(code));
    return make("li", runs(code) ? "row" : "row fails", make("div", "row-id", make("h2", "row-name", link), line), place, make("div", "num", parameters));
  };

  // Live only on the search page; the box on other pages leads there.
  const live = one("[data-live]");
  const list = one("#found-rows");
  const box = one("#q");
  const running = one("#running");
  const search = async () => {
    if (!list) return;
    const status = one("#found");
    try {
      index ??= load();
      const models = await index;
      const words = box.value.toLowerCase().replace(/^\s*(https?:\/\/)?(www\.)?(huggingface\.co|hf\.co)\//, "").split(/\s+/).filter(Boolean);
      const found = models.filter((model) => words.every((word) => model[0].includes(word)) && (!running.checked || runs(model[2][select.selectedIndex])));
      list.replaceChildren(...found.slice(0, MOST).map(row));
      const more = found.length > MOST ? `, the best known ${MOST} shown` : "";
      if (live) live.href = `${live.dataset.live}models/?${new URLSearchParams({ q: box.value, compatible: false })}`;
      status.textContent = `${found.length.toLocaleString("en")} ${found.length === 1 ? "model" : "models"}${more}`;
    } catch {
      index = undefined;
      status.textContent = "The index of models could not be loaded. Try again in a moment.";
    }
  };
  if (list) {
    const asked = new URLSearchParams(location.search);
    box.value = asked.get("q") ?? "";
    running.checked = asked.has("running");
    const changed = () => {
      const query = new URLSearchParams({ ...(box.value && { q: box.value }), ...(running.checked && { running: 1 }) });
      history.replaceState(null, "", `?${query}`);
      search();
    };
    box.addEventListener("input", changed);
    running.addEventListener("change", changed);
    box.form.addEventListener("submit", (event) => {
      event.preventDefault();
      changed();
    });
  }
  // On the page for missing addresses: the running site may have a model's page under the same name.
  const missing = location.pathname.match(/\/models\/([^/]+)\/?$/);
  if (live && !list && missing) live.href = `${live.dataset.live}models/${missing[1]}`;
  showWorker();
  search();
})();
