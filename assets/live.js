// A camera that stays on, and what the model says of it: the middle square, as it is (only the
// preview is a mirror), one frame at a time, the next when the answer to the last has come.
const BLEND = 0.5, SHOWN = 3, PAUSE = 40; // share of the newest answer; answers; ms between frames
let stream = null, shares = {}, strange = 0, answers = 0, began = 0;
const find = (name) => element.querySelector(name);
const words = () => JSON.parse(find(".live").dataset.words);
const on = () => stream?.active && find("video")?.srcObject === stream;

function stop() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  const box = find(".live");
  if (!box) return;
  box.classList.remove("on");
  find(".live-btn").textContent = words().start;
}

async function start() {
  find(".live-problem").textContent = "";
  try {
    if (!navigator.mediaDevices) throw new Error("insecure");
    stream = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: { ideal: "environment" }, width: { ideal: 640 } },
    });
  } catch (problem) {
    find(".live-problem").textContent =
      problem.message === "insecure" ? words().insecure
        : problem.name === "NotAllowedError" ? words().refused : words().missing;
    return;
  }
  const video = find("video");
  video.srcObject = stream;
  await video.play();
  find(".live").classList.add("on");
  find(".live-btn").textContent = words().stop;
  [shares, strange, answers, began] = [{}, 0, 0, performance.now()];
  while (on() && !document.hidden && element.offsetParent) {
    await ask(video);
    await new Promise((done) => setTimeout(done, PAUSE));
  }
  stop(); // somebody has gone to another step, or another tab of the browser
}

async function ask(video) {
  const { run, pass, side } = JSON.parse(document.querySelector(".live-stage i").dataset.stage);
  const small = Math.min(video.videoWidth, video.videoHeight);
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  canvas.getContext("2d").drawImage(video,
    (video.videoWidth - small) / 2, (video.videoHeight - small) / 2, small, small, 0, 0, side, side);
  const answer = await server.look({ run, pass, image: canvas.toDataURL("image/jpeg", 0.9) });
  if (!answer.shares || !on()) return;
  const first = !answers++;
  for (const [name, share] of Object.entries(answer.shares))
    shares[name] = first ? share : BLEND * share + (1 - BLEND) * (shares[name] ?? 0);
  strange = first ? Number(answer.strange) : BLEND * answer.strange + (1 - BLEND) * strange;
  show();
}

function show() {
  const list = find(".live-answers");
  const best = Object.entries(shares).sort((a, b) => b[1] - a[1]).slice(0, SHOWN);
  list.replaceChildren(...best.map(([name, share]) => {
    const row = document.createElement("li"), bar = document.createElement("i");
    const said = document.createElement("span"), percent = document.createElement("b");
    bar.style.width = `${100 * share}%`;
    [said.textContent, percent.textContent] = [name, `${Math.round(100 * share)} %`];
    row.append(bar, said, percent);
    return row;
  }));
  find(".live").classList.toggle("strange", strange > 0.5);
  find(".live").dataset.rate = ((1000 * answers) / (performance.now() - began)).toFixed(1);
}

element.addEventListener("click", (event) => {
  if (event.target.closest(".live-btn")) on() ? stop() : start();
});
watch("words", stop); // what was inside has been drawn anew
