// Small comforts on top of pages that work without them. Listens to htmx if it is there.
(() => {
  const root = document.documentElement;
  const one = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  // The page's own words, in its language; `#` stands for what is put in.
  const word = (name, value = "") => (one("#announce")?.getAttribute(`data-word-${name}`) ?? "").replace("#", value);

  // Theme: system, light or dark.
  const showTheme = () => {
    const theme = root.dataset.theme || "system";
    for (const button of all("[data-theme-set]")) button.ariaPressed = button.dataset.themeSet === theme;
  };
  const setTheme = (theme) => {
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
    try {
      if (theme === "system") localStorage.removeItem("theme");
      else localStorage.setItem("theme", theme);
    } catch {
      // Storage is blocked: the choice holds for this page.
    }
    showTheme();
  };

  // Filter sheet. Without JavaScript the same link works through :target.
  const sheetIsOpen = () => root.classList.contains("has-sheet");
  const setSheet = (open) => {
    root.classList.toggle("has-sheet", open);
    one(".filters")?.classList.toggle("is-open", open);
    for (const part of all(".site-header, .results, .site-footer")) part.inert = open;
  };
  const openSheet = () => {
    setSheet(true);
    one(".filters [data-sheet-close]").focus();
  };
  const closeSheet = () => {
    if (!sheetIsOpen()) return false;
    setSheet(false);
    one("[data-sheet-open]")?.focus();
    return true;
  };

  const closeMenus = (except) => {
    const menus = all("details.menu[open]").filter((menu) => menu !== except);
    for (const menu of menus) menu.open = false;
    return menus[0];
  };

  const copy = async (button) => {
    const label = one("[data-label]", button);
    const source = one(button.dataset.copy);
    const words = label.textContent;
    try {
      await navigator.clipboard.writeText(source.textContent.trim());
      label.textContent = word("copied");
    } catch {
      // Browsers give no clipboard to a site that has no certificate, as on a network at home; they do copy a selection.
      getSelection().selectAllChildren(source);
      label.textContent = word(document.execCommand("copy") ? "copied" : "press");
    }
    button.disabled = true;
    setTimeout(() => {
      label.textContent = words;
      button.disabled = false;
    }, 1600);
  };

  // What this browser keeps by itself: models to compare, and saved ones, as lists of ids.
  const keptIn = (name) => {
    try {
      const ids = JSON.parse(localStorage.getItem(name));
      return Array.isArray(ids) ? ids.filter((id) => typeof id === "string") : [];
    } catch {
      return [];
    }
  };
  const keepIn = (name, ids) => {
    try {
      localStorage.setItem(name, JSON.stringify(ids));
    } catch {
      // Storage is blocked: nothing is kept.
    }
    showKept();
  };
  const MOST_COMPARED = 4;
  const MOST_SAVED = 50;
  // The same address for these models: what else is in it, such as the machine, stays.
  const addressOf = (address, ids) => {
    const [path, query] = address.split("?");
    const others = [...new URLSearchParams(query)].filter(([name]) => name !== "m");
    return `${path}?${new URLSearchParams([...ids.map((id) => ["m", id]), ...others])}`;
  };
  const say = (words) => {
    one("#announce").textContent = words;
  };
  const toggleCompared = (id) => {
    const ids = keptIn("compare");
    if (ids.includes(id)) {
      keepIn("compare", ids.filter((other) => other !== id));
      say(`${id} is no longer to be compared`);
    } else if (ids.length >= MOST_COMPARED) say(`${MOST_COMPARED} models are compared at most: take one out first`);
    else {
      keepIn("compare", [...ids, id]);
      say(`${id} is to be compared, ${ids.length + 1} of ${MOST_COMPARED}`);
    }
  };
  const toggleSaved = (id) => {
    const ids = keptIn("saved");
    keepIn("saved", ids.includes(id) ? ids.filter((other) => other !== id) : [id, ...ids].slice(0, MOST_SAVED));
  };
  const chip = (id) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "chip";
    button.dataset.compare = id;
    button.textContent = `${id} ×`;
    button.ariaLabel = word("spare", id);
    item.append(button);
    return item;
  };
  const showKept = () => {
    const compared = keptIn("compare");
    const saved = keptIn("saved");
    const full = compared.length >= MOST_COMPARED;
    for (const link of all("a[data-compare]")) {
      const taken = compared.includes(link.dataset.compare);
      link.setAttribute("role", "button");
      link.ariaPressed = taken;
      if (full && !taken) link.ariaDisabled = true;
      else link.removeAttribute("aria-disabled");
    }
    const tray = one("#tray");
    if (tray) {
      tray.hidden = !compared.length;
      root.classList.toggle("has-tray", compared.length > 0);
      const inside = one("ul", tray).contains(document.activeElement);
      one("ul", tray).replaceChildren(...compared.map(chip));
      const go = one("a", tray);
      go.href = addressOf(go.href, compared);
      go.textContent = compared.length > 1 ? word("compare-some", compared.length) : word("compare");
      if (inside) go.focus();
    }
    for (const link of all("[data-compare-with]")) {
      const id = link.dataset.compareWith;
      link.href = addressOf(link.href, [id, ...compared.filter((other) => other !== id)].slice(0, MOST_COMPARED));
    }
    for (const link of all("[data-saved-link]")) {
      link.hidden = !saved.length && link.ariaCurrent !== "page";
      if (saved.length) link.href = addressOf(link.href, saved);
    }
    for (const button of all("[data-save]")) {
      const kept = saved.includes(button.dataset.save);
      button.ariaPressed = kept;
      one("[data-label]", button).textContent = word(kept ? "saved" : "save");
    }
  };
  addEventListener("storage", showKept);
  addEventListener("pageshow", showKept);

  // Suggestions below the search box: a list that the server makes, walked with the arrow keys (ARIA's combobox).
  const combobox = () => one("[data-search][role=combobox]");
  const suggested = () => all("#suggestions [role=option]");
  const pick = (option) => {
    for (const other of suggested()) other.ariaSelected = other === option;
    if (option) {
      combobox().setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else combobox().removeAttribute("aria-activedescendant");
  };
  const showSuggestions = (open) => {
    const list = one("#suggestions");
    if (!list || list.hidden === !open) return false;
    list.hidden = !open;
    combobox().ariaExpanded = open;
    pick();
    return true;
  };
  const walkSuggestions = (event) => {
    const options = suggested();
    const at = options.findIndex((option) => option.ariaSelected === "true");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && options.length) {
      event.preventDefault();
      showSuggestions(true);
      const next = at < 0 && step < 0 ? options.length - 1 : at + step;
      pick(options[next]);
    } else if (event.key === "Enter" && at >= 0 && !one("#suggestions").hidden) {
      event.preventDefault();
      options[at].click();
    }
  };
  document.addEventListener("htmx:afterSwap", ({ detail }) => {
    if (detail.target?.id !== "suggestions") return;
    const options = suggested();
    const open = options.length > 0 && document.activeElement === combobox();
    showSuggestions(false);
    if (!showSuggestions(open)) return;
    one("#announce").textContent = word(options.length === 1 ? "suggestion" : "suggestions", options.length);
  });
  document.addEventListener("focusout", ({ target, relatedTarget }) => {
    if (target === combobox() && !relatedTarget?.closest("#suggestions")) showSuggestions(false);
  });

  document.addEventListener("click", (event) => {
    const hit = (selector) => event.target.closest(selector);
    closeMenus(hit("details.menu"));
    if (!hit(".search")) showSuggestions(false);
    const theme = hit("[data-theme-set]");
    if (theme) {
      setTheme(theme.dataset.themeSet);
      closeMenus();
    } else if (hit("[data-sheet-open]")) {
      event.preventDefault();
      openSheet();
    } else if (hit("[data-sheet-close]")) {
      if (closeSheet() || hit("a")) event.preventDefault();
    } else if (hit("[data-copy]")) copy(hit("[data-copy]"));
    else if (hit("[data-compare]")) {
      event.preventDefault();
      toggleCompared(hit("[data-compare]").dataset.compare);
    } else if (hit("[data-save]")) toggleSaved(hit("[data-save]").dataset.save);
    else if (hit("[data-tray-clear]")) keepIn("compare", []);
    else if (hit("[data-saved-clear]")) {
      keepIn("saved", []);
      location.assign(addressOf(location.pathname + location.search, []));
    }
  });

  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (target === combobox()) walkSuggestions(event);
    const typing = target.isContentEditable || target.matches("textarea, select, input:not([type=checkbox], [type=radio])");
    if (key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const field = all("[data-search]").find((input) => input.checkVisibility?.() ?? input.offsetParent);
      if (!field || sheetIsOpen()) return;
      event.preventDefault();
      field.focus();
      field.select();
    } else if (key === "Enter" && !event.shiftKey && !event.isComposing && target.matches("[data-machine]")) {
      // A machine is a line, even where what is pasted has several.
      event.preventDefault();
      target.form.requestSubmit();
    } else if (key === "Escape") {
      const menu = closeMenus();
      if (showSuggestions(false)) event.preventDefault();
      else if (menu) one("summary", menu).focus();
      else if (!closeSheet() && target.matches("[data-search]") && !target.value) target.blur();
    }
  });

  // The filters come anew with every answer: what a person opened stays open, what they are typing stays theirs.
  document.addEventListener("htmx:oobBeforeSwap", ({ detail: { fragment } }) => {
    for (const details of all("details[id][open]:not(.menu)")) {
      one(`#${CSS.escape(details.id)}`, fragment)?.setAttribute("open", "");
    }
    const field = document.activeElement;
    if (field.matches(".facets input[type=number]")) {
      one(`#${CSS.escape(field.id)}`, fragment)?.setAttribute("hx-preserve", "true");
    }
  });

  // The search box is never replaced, so that no keystroke is lost; it follows the address unless it has the focus.
  const followAddress = () => {
    const field = one("#q[hx-get]");
    if (!field) return;
    const asked = new URLSearchParams(location.search).get("q") ?? "";
    field.setAttribute("value", asked);
    if (field !== document.activeElement) field.value = asked;
  };
  document.addEventListener("htmx:pushedIntoHistory", followAddress);
  document.addEventListener("htmx:replacedInHistory", followAddress);

  document.addEventListener("htmx:afterSettle", ({ detail }) => {
    showKept();
    const news = detail.target?.id === "main" && one("[data-announce]");
    if (news) one("#announce").textContent = news.textContent;
    // Another page may have taken its place meanwhile.
    const results = one("#results");
    if (detail.target?.id !== "results" || !results) return;
    if (sheetIsOpen()) setSheet(true);
    else if (document.activeElement === document.body) results.focus({ preventScroll: true });
    const announce = one("#announce");
    if (announce) announce.textContent = one("#results-title").textContent;
  });
  document.addEventListener("htmx:historyRestore", () => {
    showKept();
    setSheet(false);
    closeMenus();
    showTheme();
  });

  // A failed request says so where the answer would be; what was there stays.
  const showTrouble = (why) => ({ detail }) => {
    if (detail.target?.id !== "results") return;
    const message = one("#trouble").content.cloneNode(true);
    one("[data-why]", message).textContent = word(why);
    one("[data-again]", message).href = detail.pathInfo.finalRequestPath;
    one("#trouble-message")?.remove();
    one("#results").prepend(message);
    htmx.process(one("#trouble-message"));
    if (sheetIsOpen()) one("#announce").textContent = one("#trouble-message").textContent;
  };
  document.addEventListener("htmx:responseError", showTrouble("broke"));
  document.addEventListener("htmx:sendError", showTrouble("unreached"));
  document.addEventListener("htmx:timeout", showTrouble("slow"));

  // A link to something folded away unfolds it first; not every browser does so by itself.
  const unfold = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const folded = target && target.closest("details:not([open])");
    if (!folded) return;
    folded.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", unfold);
  unfold();

  matchMedia("(min-width: 64em)").addEventListener("change", closeSheet);
  showTheme();
  showKept();
})();
