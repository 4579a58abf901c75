// An address for each step, so that Back and Forward move between them and a link can lead to one.
// Gradio calls this function once, when the page has been built.
() => {
  // The first list is the steps' own; some steps have tabs inside.
  const tabs = () => [...document.querySelector(".steps [role=tablist]").querySelectorAll("[role=tab]")];
  const stepOf = (tab) => tab?.dataset.tabId;
  const shown = () => stepOf(tabs().find((tab) => tab.getAttribute("aria-selected") === "true"));
  let here = shown();

  const address = (step) => {
    const url = new URL(location.href);
    url.searchParams.set("step", step);
    if (step !== "latent") url.searchParams.delete("picture"); // a link to one has been followed
    return url;
  };
  // The page may still be led on while it loads: that is no step that anybody has taken.
  let arrived = false;
  const moved = () => {
    const step = shown();
    if (!step || step === here) return;
    here = step;
    history[arrived ? "pushState" : "replaceState"]({ step }, "", address(step));
  };
  new MutationObserver(moved).observe(document.body, {
    subtree: true, attributes: true, attributeFilter: ["aria-selected"],
  });
  for (const kind of ["pointerdown", "keydown"])
    addEventListener(kind, () => { arrived = true; }, { capture: true });
  addEventListener("popstate", ({ state }) => {
    const step = state?.step ?? new URL(location.href).searchParams.get("step") ?? "start";
    const tab = tabs().find((each) => stepOf(each) === step);
    if (!tab || step === here) return;
    here = step; // the address is there already
    tab.click();
  });
}
