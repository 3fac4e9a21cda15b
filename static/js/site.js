// Small comforts on top of pages that work without them. Listens to htmx if it is there.
(() => {
  const root = document.documentElement;
  const one = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

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
    try {
      await navigator.clipboard.writeText(source.textContent.trim());
      label.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(source);
      label.textContent = "Press Ctrl+C";
    }
    button.disabled = true;
    setTimeout(() => {
      label.textContent = "Copy";
      button.disabled = false;
    }, 1600);
  };

  document.addEventListener("click", (event) => {
    const hit = (selector) => event.target.closest(selector);
    closeMenus(hit("details.menu"));
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
  });

  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
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
      if (menu) one("summary", menu).focus();
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
    setSheet(false);
    closeMenus();
    showTheme();
  });

  // A failed request says so where the answer would be; what was there stays.
  const showTrouble = (why) => ({ detail }) => {
    if (detail.target?.id !== "results") return;
    const message = one("#trouble").content.cloneNode(true);
    one("[data-why]", message).textContent = why;
    one("[data-again]", message).href = detail.pathInfo.finalRequestPath;
    one("#trouble-message")?.remove();
    one("#results").prepend(message);
    htmx.process(one("#trouble-message"));
    if (sheetIsOpen()) one("#announce").textContent = one("#trouble-message").textContent;
  };
  document.addEventListener("htmx:responseError", showTrouble("Something broke on the server."));
  document.addEventListener("htmx:sendError", showTrouble("The server cannot be reached."));
  document.addEventListener("htmx:timeout", showTrouble("The server takes too long to answer."));

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
})();
