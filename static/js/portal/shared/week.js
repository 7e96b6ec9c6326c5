/**
 * The week as a timetable on wide screens: each session stands at its time. The content security
 * policy allows no style in the page, so the places are handed to the style sheet from here;
 * without this the week is a list.
 */

const MINUTES = 60;
const SHORTEST = 8; // hours that are shown at least

const week = document.querySelector("[data-week]");
const sessions = [...week.querySelectorAll("[data-from]")];

function hours() {
  const first = Math.floor(Math.min(...sessions.map((item) => item.dataset.from)) / MINUTES);
  const last = Math.ceil(Math.max(...sessions.map((item) => item.dataset.to)) / MINUTES);
  return [first, Math.max(last, Math.min(first + SHORTEST, 24))];
}

function place(item, first) {
  const { from, to, lane, lanes } = item.dataset;
  const values = { "--from": from / MINUTES - first, "--hours": (to - from) / MINUTES };
  for (const [name, value] of Object.entries({ ...values, "--lane": lane, "--lanes": lanes })) {
    item.style.setProperty(name, value);
  }
  item.classList.toggle("is-short", to - from < 75);
}

function clock(first, last) {
  const column = document.createElement("div");
  column.className = "week-clock numeric";
  column.setAttribute("aria-hidden", "true"); // each session names its time
  for (let hour = first; hour < last; hour += 1) {
    const label = document.createElement("span");
    label.textContent = `${String(hour).padStart(2, "0")}:00`;
    column.append(label);
  }
  return column;
}

if (sessions.length > 0) {
  const [first, last] = hours();
  week.style.setProperty("--week-hours", last - first);
  week.style.setProperty("--week-days", week.querySelectorAll(".week-day").length);
  for (const item of sessions) place(item, first);
  week.prepend(clock(first, last));
  week.classList.add("is-timetable");
}
