/**
 * The camera of the page on which a face is enrolled.
 *
 * A photo taken here is put into the file field of the form that serves those without a camera
 * (`data-form`): one way to the server, and htmx swaps what it answers. #face-state says which pose
 * comes next and whether a photo is being judged.
 */

import { Camera } from "./camera.js";

const root = document.querySelector("[data-face]");
const camera = root?.querySelector("[data-camera]");
const part = (name) => camera.querySelector(`[data-${name}]`);

const lens = camera && new Camera(camera.querySelector("video"), onEnded);

function state() {
  return document.getElementById("face-state").dataset;
}

function showProblem(name) {
  for (const line of camera.querySelectorAll("[data-problem]")) {
    line.hidden = line.dataset.problem !== name;
  }
}

/** The page as it is now: with or without a running camera, and for the pose that comes next. */
function refresh() {
  const { pose, judged } = state();
  if (!pose && lens.isOn && !judged) lens.close();
  const { isOn } = lens;
  camera.hidden = !isOn && !pose;
  camera.dataset.on = isOn ? "yes" : "";
  camera.dataset.pose = pose;
  part("say").textContent = document.querySelector("#face-state .face-say")?.textContent ?? "";
  part("start").hidden = isOn;
  part("take").hidden = !isOn;
  part("stop").hidden = !isOn;
  part("take").disabled = Boolean(judged) || !pose;
}

async function start() {
  showProblem("");
  const problem = await lens.open();
  showProblem(problem);
  refresh();
  if (!problem) part("take").focus();
}

/** Another app has taken the camera, or the permission has gone. */
function onEnded() {
  showProblem("in_use");
  refresh();
}

async function take() {
  showProblem("");
  part("take").disabled = true;
  const files = new DataTransfer();
  files.items.add(new File([await lens.shoot()], "face.jpg", { type: "image/jpeg" }));
  const form = document.querySelector(root.dataset.form);
  form.querySelector("input[type=file]").files = files.files;
  form.requestSubmit();
}

function onFailure() {
  showProblem("network");
  refresh();
}

if (root) {
  part("start").addEventListener("click", start);
  part("take").addEventListener("click", take);
  part("stop").addEventListener("click", () => {
    lens.close();
    refresh();
    part("start").focus();
  });
  document.body.addEventListener("htmx:afterSwap", refresh);
  document.body.addEventListener("htmx:sendError", onFailure);
  document.body.addEventListener("htmx:responseError", onFailure);
  window.addEventListener("pagehide", () => lens.close());
  refresh();
}
