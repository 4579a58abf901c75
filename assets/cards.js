// A card for each class. What the cards hold is the server's to say: every change is sent to it, one
// after another, and its answer is drawn. What is not yet sent is drawn as well, and kept until it is.
const UNSORTED = "0", EVERY = 125, AT_ONCE = 24;
const camera = new Camera();
const root = element.querySelector(".cards");
const thumbs = new Map(); // id to source, of all that was seen
const gone = new Set(); // ids whose deletion is on its way
const chosen = new Set(); // ids picked on the unsorted card
let cards = [], pending = [], sending = false, stuck = "", open = "", trouble = "", lastPick = "";
let calls = Promise.resolve();

const say = (name, values = {}) =>
  Object.entries(values).reduce((text, [key, value]) => text.replaceAll(`{${key}}`, value), props.words[name] || "");
const titled = (card) => card.name || say("unnamed", { number: card.id });
const touch = () => matchMedia("(pointer: coarse)").matches;

function make(tag, className, attributes = {}, ...children) {
  const made = document.createElement(tag);
  made.className = className;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
function button(className, act) {
  const made = make("button", className, { type: "button" });
  made.addEventListener("click", act);
  return made;
}
// Setting what is there already would make screen readers say it again.
const write = (node, text) => node.textContent !== text && (node.textContent = text);
const label = (node, text) => node.getAttribute("aria-label") !== text && node.setAttribute("aria-label", text);

// ---- what is sent

function ask(does, sent = {}, first = () => {}) {
  const { owner, dataset } = props;
  const asked = async () => {
    const answer = await server.change({ do: does, owner, dataset, language: props.words.language, ...sent });
    if (owner !== props.owner) return {};
    if (answer.cards) {
      cards = answer.cards;
      for (const id of [...gone]) if (!cards.some((card) => card.pictures.includes(id))) gone.delete(id);
    }
    first(answer); // before what it changed is drawn
    trouble = answer.problem || (does === "thumbs" || does === "list" ? trouble : "");
    draw();
    return answer;
  };
  const done = calls.then(asked);
  calls = done.catch(() => {}); // whoever asked hears of it
  return done;
}
function tell(does, sent) {
  return ask(does, sent).catch(() => {
    gone.clear();
    trouble = say("stuck");
    draw();
  });
}

async function pump() {
  if (sending || stuck) return;
  sending = true;
  try {
    while (pending.length) {
      const card = pending[0].card, batch = [];
      for (const item of pending) {
        if (item.card !== card || batch.length === AT_ONCE) break;
        batch.push(item);
      }
      for (const item of batch) {
        item.file = await item.blob;
        item.sent = true; // from now on only the server can forget it
      }
      const fits = batch.filter(({ file }) => file.size <= props.limit_bytes);
      const unsent = fits.filter(({ path }) => !path);
      if (unsent.length) {
        const paths = [];
        for (const part of batches(unsent)) paths.push(...(await send(part, () => {})));
        paths.forEach((path, i) => (unsent[i].path = path));
      }
      let dropped = [];
      const settle = ({ ids = [], problem }) => {
        if (!ids.length && fits.length && cards.some(({ id }) => id === card)) { // refused as a whole: kept
          stuck = problem || say("stuck");
          return;
        } // or their card was deleted meanwhile, and they with it
        fits.forEach((item, i) => item.url && ids[i] && thumbs.set(ids[i], item.url));
        dropped = fits.flatMap((item, i) => (item.dropped && ids[i] ? [ids[i]] : []));
        dropped.forEach((id) => gone.add(id));
        adopt(fits, ids);
        pending = pending.filter((item) => !batch.includes(item));
      };
      await ask("add", { card, files: fits.map(({ path }) => path) }, settle);
      if (stuck) break;
      if (fits.length < batch.length) trouble = say("too_large");
      if (dropped.length) forget(dropped);
    }
  } catch {
    stuck = say("stuck");
  }
  sending = false;
  draw();
}
// The thumbnail of what was sent stays the element it is, so that the focus stays where it is.
function adopt(items, ids) {
  items.forEach((item, i) => {
    const shown = root.querySelector(`[data-key="${item.key}"]`);
    if (shown && ids[i]) shown.dataset.key = ids[i];
  });
}
function add(card, blob, name) {
  const item = { key: unguessable(), card, blob: Promise.resolve(blob), name, path: "", url: "", sent: false };
  pending.push(item);
  item.blob.then((file) => {
    item.url = URL.createObjectURL(file);
    const image = root.querySelector(`[data-key="${item.key}"] img`);
    if (image) image.src = item.url;
  });
  return item;
}
function addFiles(card, files) {
  for (const { file, name } of withoutJunk(files)) add(card, file, name);
  announce(card);
  draw();
  pump();
}
function forget(ids) {
  ids.forEach((id) => gone.add(id));
  ids.forEach((id) => chosen.delete(id));
  draw();
  return tell("delete", { pictures: ids });
}
function remove(key) {
  const item = pending.find((each) => each.key === key);
  if (!item) return forget([key]);
  item.dropped = true;
  if (!item.sent) pending = pending.filter((each) => each !== item);
  draw();
}

let fetching = false;
async function fetchThumbs() {
  const missing = cards.flatMap((card) => card.pictures).filter((id) => !thumbs.has(id) && !gone.has(id));
  if (fetching || !missing.length) return;
  fetching = true;
  try {
    const wanted = missing.slice(0, 60), answer = await ask("thumbs", { pictures: wanted });
    wanted.forEach((id) => thumbs.set(id, (answer.thumbs || {})[id] || ""));
  } catch {
    return; // asked for again with the next change
  } finally {
    fetching = false;
  }
  draw();
}

// ---- what a card holds

const keysOf = (card) => [
  ...card.pictures.filter((id) => !gone.has(id)),
  ...pending.filter((item) => item.card === card.id && !item.dropped).map(({ key }) => key),
];
const source = (key) => thumbs.get(key) || pending.find((item) => item.key === key)?.url || "";

function announce(id) {
  const card = cards.find((each) => each.id === id);
  if (card) write(live, `${id === UNSORTED ? say("unsorted") : titled(card)}: ${say("count", { count: keysOf(card).length })}`);
}

// ---- the camera

let wanted = false, timer = 0;
function shot() {
  if (!camera.ready) return;
  add(open, camera.shoot(), "camera.jpg");
  draw();
  pump();
}
function hold() {
  if (timer) return;
  wanted = true; // also where the camera is not there yet: the first press counts
  if (camera.ready) begin();
}
function begin() {
  shot();
  timer = setInterval(shot, EVERY);
  root.classList.add("recording");
}
function release() {
  if (!timer) return;
  clearInterval(timer);
  timer = 0;
  wanted = false;
  root.classList.remove("recording");
  announce(open);
}
async function look(card, how = () => camera.open()) {
  release();
  open = card;
  trouble = "";
  starting = true;
  draw();
  const problem = await how();
  starting = false;
  if (problem) {
    open = "";
    trouble = say(`camera_${problem}`);
  } else if (wanted && camera.ready) {
    begin();
    if (!pressed) release();
  }
  draw();
}
function leave() {
  release();
  camera.close();
  if (!open) return;
  open = "";
  draw();
}
let starting = false, pressed = false;
const shutter = button("hold", (event) => {
  // Screen readers press without a pointer or a key: one picture for each.
  if (event.detail === 0 && !timer && !pressed && Date.now() - up > 300) {
    hold();
    release();
  }
});
let up = 0;
const press = () => { pressed = true; hold(); };
const lift = () => { if (pressed) up = Date.now(); pressed = false; release(); };
shutter.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  shutter.setPointerCapture(event.pointerId);
  press();
});
for (const type of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) shutter.addEventListener(type, lift);
shutter.addEventListener("contextmenu", (event) => event.preventDefault());
shutter.addEventListener("keydown", (event) => {
  if (event.key !== " " && event.key !== "Enter") return;
  event.preventDefault();
  if (!event.repeat) press();
});
shutter.addEventListener("keyup", (event) => {
  if (event.key === " " || event.key === "Enter") {
    event.preventDefault();
    lift();
  }
});
const switcher = button("plain", () => look(open, () => camera.next()));
const closer = button("plain", () => {
  const card = open;
  leave();
  root.querySelector(`[data-card="${card}"] .look`)?.focus();
});
const starts = make("p", "starts");
const viewer = make("div", "viewer", {}, camera.video, starts, make("div", "card-buttons", {}, shutter, switcher, closer));
new IntersectionObserver((seen) => seen.at(-1).isIntersecting || leave()).observe(root);
addEventListener("pagehide", leave);
document.addEventListener("visibilitychange", () => document.hidden && leave());

// ---- what is drawn: elements are kept, by key, so that the focus and the scrolling stay

function keep(parent, keys, create) {
  const there = new Map(Array.from(parent.children, (each) => [each.dataset.key, each]));
  let at = parent.firstElementChild;
  const focused = document.activeElement, hadFocus = parent.contains(focused);
  const place = hadFocus ? Array.from(parent.children).findIndex((each) => each.contains(focused)) : -1;
  const wantedKeys = new Set(keys);
  for (const [key, each] of there) if (!wantedKeys.has(key)) {
    if (each === at) at = at.nextElementSibling;
    each.remove();
  }
  for (const key of keys) {
    let each = there.get(key);
    if (each && each === at) at = at.nextElementSibling;
    else {
      if (!each) {
        each = create(key);
        each.dataset.key = key;
      }
      parent.insertBefore(each, at);
    }
  }
  if (hadFocus && !parent.contains(focused)) {
    const next = parent.children[Math.min(place, parent.children.length - 1)];
    (next?.querySelector("button, input") || parent.closest("[data-card]")?.querySelector("button"))?.focus();
  }
}

function thumb(card) {
  return (key) => {
    const image = make("img", "", { alt: "", draggable: "false" });
    const mine = (act) => (event) => act(event.currentTarget.closest("[data-key]").dataset.key, event);
    if (card === UNSORTED) return make("div", "shot", {}, made("pick", mine(pick), image));
    return make("div", "shot", {}, image, made("remove", mine(remove), "×"));
  };
  function made(className, act, ...inside) {
    const each = button(className, act);
    each.append(...inside);
    return each;
  }
}
function pick(key, event) {
  const keys = keysOf(cards[0]), from = keys.indexOf(lastPick), to = keys.indexOf(key);
  const on = !chosen.has(key);
  const range = event.shiftKey && from >= 0 ? keys.slice(Math.min(from, to), Math.max(from, to) + 1) : [key];
  for (const each of range) on || range.length > 1 ? chosen.add(each) : chosen.delete(each);
  lastPick = key;
  draw();
}

function picker(card) {
  const input = make("input", "", { type: "file", multiple: "" });
  input.addEventListener("change", () => {
    const files = Array.from(input.files, (file) => ({ file, name: file.name }));
    input.value = "";
    addFiles(card, files);
  });
  return make("label", "plain", {}, make("span", ""), input);
}
function createCard(id) {
  const card = make("section", "card", { "data-card": id });
  const grid = make("div", "shots");
  if (id === UNSORTED) {
    card.append(
      make("h3", "card-title"), make("p", "card-hint"), grid, make("div", "card-buttons sorting", {},
        button("plain all", () => {
          const keys = keysOf(cards[0]), all = keys.every((key) => chosen.has(key));
          keys.forEach((key) => (all ? chosen.delete(key) : chosen.add(key)));
          draw();
        }), button("plain remove-chosen", () => forget(picked()))),
      make("div", "card-buttons targets"),
    );
    return card;
  }
  const name = make("input", "card-name", { type: "text", maxlength: "80", autocomplete: "off", enterkeyhint: "done" });
  name.addEventListener("change", () => tell("rename", { card: id, name: name.value }));
  name.addEventListener("keydown", (event) => event.key === "Enter" && !event.isComposing && name.blur());
  const drop = button("delete-card", () => {
    const { name: called, pictures } = cards.find((each) => each.id === id);
    if (pictures.length && !confirm(say("delete_sure", { name: called || say("unnamed", { number: id }), count: pictures.length }))) return;
    if (open === id) leave();
    pending = pending.filter((item) => item.card !== id);
    tell("delete_card", { card: id });
  });
  drop.textContent = "×";
  const looks = button("look", () => look(id));
  card.append(
    make("div", "card-head", {}, name, make("span", "card-count"), drop),
    make("div", "card-buttons ways-in", {}, looks, picker(id)), make("div", "viewer-place"), grid, make("p", "card-hint"),
  );
  return card;
}
const picked = () => keysOf(cards[0]).filter((key) => chosen.has(key));

function drawCard(card) {
  const shown = root.querySelector(`[data-card="${card.id}"]`), keys = keysOf(card);
  keep(shown.querySelector(".shots"), keys, thumb(card.id));
  const title = card.id === UNSORTED ? say("unsorted") : titled(card);
  label(shown, title);
  Array.from(shown.querySelector(".shots").children).forEach((each, i) => {
    const image = each.querySelector("img"), from = source(keys[i]);
    if (from && image.getAttribute("src") !== from) image.src = from;
    each.classList.toggle("unsent", pending.some((item) => item.key === keys[i]));
    const act = each.querySelector("button"), number = i + 1;
    if (card.id === UNSORTED) {
      act.setAttribute("aria-pressed", String(chosen.has(keys[i])));
      label(act, say("picture", { number }));
    } else label(act, say("delete_picture", { number, name: title }));
  });
  const hint = shown.querySelector(".card-hint");
  if (card.id === UNSORTED) {
    write(shown.querySelector("h3"), `${title} · ${say("count", { count: keys.length })}`);
    write(hint, say(touch() ? "sort_touch" : "sort_hint"));
    const number = picked().length;
    write(shown.querySelector(".all"), say(number && number === keys.length ? "select_none" : "select_all"));
    const out = shown.querySelector(".remove-chosen");
    write(out, say("delete_chosen"));
    out.disabled = !number;
    keep(shown.querySelector(".targets"), cards.slice(1).map(({ id }) => id), (id) => button("primary", () => {
      const keys = picked().filter((key) => !pending.some((item) => item.key === key));
      chosen.clear();
      tell("move", { pictures: keys, card: id }).then(() => announce(id));
    }));
    for (const target of shown.querySelector(".targets").children) {
      write(target, say("move", { name: titled(cards.find(({ id }) => id === target.dataset.key)) }));
      target.disabled = !number;
    }
    return;
  }
  const name = shown.querySelector(".card-name");
  if (document.activeElement !== name) name.value = card.name;
  name.placeholder = say("unnamed", { number: card.id });
  label(name, say("name", { number: card.id }));
  write(shown.querySelector(".card-count"), say("count", { count: keys.length }));
  label(shown.querySelector(".delete-card"), say("delete_card", { name: title }));
  write(shown.querySelector(".look"), say("camera"));
  label(shown.querySelector(".look"), `${say("camera")}: ${title}`);
  write(shown.querySelector(".ways-in span"), say("files"));
  label(shown.querySelector(".ways-in input"), `${say("files")}: ${title}`);
  shown.querySelector(".ways-in").hidden = open === card.id;
  const place = shown.querySelector(".viewer-place");
  if (open === card.id && viewer.parentNode !== place) {
    place.append(viewer);
    camera.video.play().catch(() => {}); // a moved video stops
    shutter.focus({ preventScroll: true });
  }
  if (open !== card.id && viewer.parentNode === place) viewer.remove();
  write(hint, keys.length || open === card.id || touch() ? "" : say("drop"));
}

function lack() {
  const full = cards.slice(1).map((card) => [titled(card), card.pictures.filter((id) => !gone.has(id)).length]).filter(([, n]) => n);
  const few = full.filter(([, n]) => n < props.enough);
  if (full.length >= 2 && !few.length) return "";
  const has = full.map(([name, count]) => say("missing", { name, count })).join(" ");
  return `${say("need", { least: props.enough })} ${has || say("none")}`;
}

const live = make("p", "sr-only", { role: "status" });
const intro = make("p", "note"), list = make("div", "card-list"), foot = make("div", "card-foot");
const problem = make("p", "card-problem", { role: "alert" });
const more = button("plain add-card", async () => {
  await tell("new");
  root.querySelector(".card-list > :last-child .card-name")?.focus();
});
const loose = picker(UNSORTED);
const use = button("primary use", () => act("submit")), flat = button("plain", () => act("select"));
const why = make("p", "note why", { id: `why-${unguessable()}` }), left = make("p", "note");
const unsent = make("p", "unsent-note", {}, make("span", "")), again = button("plain", () => {
  stuck = "";
  pump();
});
unsent.append(" ", again);
use.setAttribute("aria-describedby", why.id);
async function act(event) {
  leave();
  await calls.catch(() => {}); // what was renamed a moment ago is renamed first
  trigger(event);
}
foot.append(make("div", "card-buttons", {}, more, loose), problem, unsent, make("div", "card-buttons", {}, use, flat), why, left);
root.append(intro, list, foot, live);

function draw() {
  if (!cards.length) return;
  const shown = cards.filter((card) => card.id !== UNSORTED || keysOf(card).length);
  keep(list, shown.map(({ id }) => id), createCard);
  shown.forEach(drawCard);
  write(intro, say(touch() ? "intro_touch" : "intro"));
  write(shutter, say("hold"));
  write(switcher, say("camera_switch"));
  switcher.hidden = camera.others.length < 2;
  write(closer, say("camera_close"));
  write(starts, starting ? say("camera_starts") : "");
  camera.video.hidden = starting;
  write(more, say("add"));
  write(loose.firstChild, say("loose"));
  label(loose.lastChild, say("loose"));
  write(problem, trouble);
  write(unsent.firstChild, pending.length ? stuck || say("sending", { count: pending.length }) : "");
  write(again, say("retry"));
  again.hidden = !(stuck && pending.length);
  unsent.hidden = !pending.length || (!stuck && !timer && pending.length < 3);
  const total = cards.reduce((sum, card) => sum + card.pictures.length, 0), lacks = lack();
  write(use, say("use"));
  use.disabled = Boolean(lacks) || pending.length > 0;
  write(why, lacks || (pending.length ? say("sending", { count: pending.length }) : ""));
  write(flat, say("flat"));
  flat.hidden = !total;
  flat.disabled = pending.length > 0;
  const unsorted = keysOf(cards[0]).length;
  write(left, unsorted && !lacks ? say("left_over", { count: unsorted }) : "");
  fetchThumbs();
}

for (const type of ["dragenter", "dragover"]) {
  root.addEventListener(type, (event) => {
    event.preventDefault();
    root.querySelectorAll(".dragging").forEach((each) => each.classList.remove("dragging"));
    (event.target.closest?.("[data-card]") || root).classList.add("dragging");
  });
}
root.addEventListener("dragleave", (event) => {
  if (event.relatedTarget && root.contains(event.relatedTarget)) return;
  [root, ...root.querySelectorAll(".dragging")].forEach((each) => each.classList.remove("dragging"));
});
root.addEventListener("drop", async (event) => {
  event.preventDefault();
  [root, ...root.querySelectorAll(".dragging")].forEach((each) => each.classList.remove("dragging"));
  const card = event.target.closest?.("[data-card]")?.dataset.card || UNSORTED;
  addFiles(card, await dropped(event));
});

let known = "";
function read() { // the page tells its props anew with every language, and they may be the same
  draw();
  const { owner, fresh } = props, now = `${owner} ${fresh || known.split(" ")[1] || ""}`;
  if (!owner || now === known) return;
  known = now;
  tell("list");
}
watch(["owner", "fresh", "words"], read);
addEventListener("beforeunload", (event) => pending.length && event.preventDefault());
read();
