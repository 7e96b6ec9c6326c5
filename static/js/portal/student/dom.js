/** What the check-in's screens share. */

export const root = document.querySelector("[data-flow]");
export const part = (name, from = root) => from.querySelector(`[data-${name}]`);
export const parts = (name, from = root) => from.querySelectorAll(`[data-${name}]`);

let frozen = false;

/** Nothing is shown any more: another tab has gone on. */
export const freeze = () => {
  frozen = true;
};

/** Shows one screen and lets readers of the screen know. */
export function show(name) {
  if (frozen) return;
  for (const screen of parts("screen")) screen.hidden = screen.dataset.screen !== name;
  const heading = root.querySelector(`[data-screen="${name}"] h1`);
  heading?.focus({ preventScroll: true });
  scrollTo(0, 0);
}

/** Of several elements with the same attribute those that name one of the words; hides the others. */
export function choose(attribute, word, from = root) {
  let found = false;
  for (const element of from.querySelectorAll(`[data-${attribute}]`)) {
    const named = element.getAttribute(`data-${attribute}`).split(" ").includes(word);
    element.hidden = !named;
    found ||= named;
  }
  return found;
}

export function step(name, state, says) {
  const item = root.querySelector(`[data-step="${name}"]`);
  item.hidden = false;
  item.dataset.state = state;
  const words = part("says", item);
  if (words && says !== undefined) words.textContent = says;
}

/** Shows a question among the steps, or none. */
export function ask(name) {
  for (const question of parts("ask")) question.hidden = question.dataset.ask !== name;
}

export const button = (name) => root.querySelector(`[data-do="${name}"]`);

/** The next press of one of these buttons; a second press while the first is served does nothing. */
export function press(...names) {
  return new Promise((resolve) => {
    const listening = new AbortController();
    for (const name of names) {
      const pressed = () => {
        listening.abort();
        resolve(name);
      };
      button(name).addEventListener("click", pressed, { signal: listening.signal });
    }
  });
}

export const text = (name) =>
  document.getElementById("texts").content.querySelector(`[data-text="${name}"]`).textContent.trim();

const DOUBLE_MS = 400;
const DOUBLE_PX = 24;
let last = null; // the tap before: {at, x, y, target}

/** The second of two quick taps belongs to what was there before, not to what came under the finger. */
function swallowSecond(event) {
  if (event.detail === 0) return; // by keyboard or by a reader of the screen
  const { timeStamp: at, clientX: x, clientY: y, target } = event;
  const near = last && Math.hypot(x - last.x, y - last.y) < DOUBLE_PX;
  const second = near && at - last.at < DOUBLE_MS && target !== last.target;
  last = { at, x, y, target };
  if (!second) return;
  event.preventDefault();
  event.stopPropagation();
}

addEventListener("click", swallowSecond, { capture: true });

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
